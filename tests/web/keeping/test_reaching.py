"""A database that comes up late is waited for, and one that refuses for good is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from assay.errors import StoreUnavailable
from assay.store.files import mounts
from assay.store.files.mounts import file_system
from assay.web.keeping import reaching
from assay.web.keeping.reaching import opened
from tests import tiny
from tests.postgres import Cluster, PostgresMissing

SOON_S = 30.0


@pytest.fixture
def supervisor() -> int:
    """A pipe whose other side stays open."""
    watched, _held = os.pipe()
    return watched


def test_a_database_that_comes_up_late_is_waited_for(tmp_path: Path, supervisor: int) -> None:
    try:
        cluster = Cluster()
    except PostgresMissing as missing:
        pytest.skip(str(missing))
    try:
        told = {"home": str(tmp_path / "home"), "database_url": cluster.create()}
        cluster.stop()
        starting = threading.Timer(1.5, cluster.start)
        starting.start()
        began = time.monotonic()
        opened(tiny.application(), told, supervisor).close()
        assert 1.0 < time.monotonic() - began < SOON_S
        starting.join()
    finally:
        cluster.close()


def test_one_that_stays_away_is_said_in_the_end(
    tmp_path: Path, supervisor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaching, "REACHED_US", 500_000)
    told = {"home": str(tmp_path / "home"), "database_url": "postgresql://nobody@127.0.0.1:1/none"}
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        opened(tiny.application(), told, supervisor)


def test_who_is_refused_for_good_does_not_wait(tmp_path: Path, supervisor: int, postgres: Cluster) -> None:
    wrong = postgres.create().replace("postgresql://tenant:", "postgresql://tenant:not-")
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        opened(tiny.application(), {"home": str(tmp_path / "home"), "database_url": wrong}, supervisor)
    with pytest.raises(StoreUnavailable, match="is written postgresql://"):
        opened(tiny.application(), {"home": str(tmp_path / "home"), "database_url": "mysql://x"}, supervisor)
    assert time.monotonic() - began < SOON_S, "a minute was waited for nothing"


def test_nobody_is_waited_for_on_behalf_of_a_supervisor_that_is_gone(tmp_path: Path) -> None:
    watched, held = os.pipe()
    os.close(held)
    with pytest.raises(SystemExit):
        opened(
            tiny.application(), {"home": str(tmp_path), "database_url": "postgresql://nobody@127.0.0.1:1/n"}, watched
        )


def test_a_record_on_a_network_file_system_is_warned_of(
    tmp_path: Path, supervisor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = file_system(tmp_path)
    if not kind:
        pytest.skip("needs a machine that lists its file systems")
    told = {"home": str(tmp_path / "home")}
    with capture_logs() as said:
        opened(tiny.application(), told, supervisor).close()
        assert not [line for line in said if "network" in line["event"]]
        monkeypatch.setattr(mounts, "NETWORKED", {kind})
        opened(tiny.application(), told, supervisor).close()
    assert [line["kind"] for line in said if line["event"] == "record_on_a_network_file_system"] == [kind]


def test_what_is_said_is_json_and_costs_nothing_where_there_is_no_room(tmp_path: Path) -> None:
    program = "import structlog; from assay.web.keeping.reaching import speak; speak(); structlog.get_logger('assay').info('here')"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(ran.stderr)["event"] == "here"
    with Path("/dev/full").open("wb") as full:
        assert subprocess.run([sys.executable, "-c", program], stderr=full, check=False).returncode == 0
