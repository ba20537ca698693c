"""The tests' own server of PostgreSQL is a real one, copies what it is told to, and outlives nobody."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests import homes
from tests.architecture.tree import ROOT
from tests.postgres import Cluster, PostgresMissing, found_programs, tell

PATIENCE_S = 60.0
MAKER = """
import os, signal
from tests.postgres import Cluster
made = Cluster()
print(made.log.parent, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_is_committed_survives_an_immediate_stop(postgres: Cluster) -> None:
    place = postgres.create()
    tell(place, "CREATE TABLE numbers (number int)")
    tell(place, "INSERT INTO numbers VALUES (7)")
    postgres.stop_at_once()
    postgres.start()
    assert tell(place, "SELECT number FROM numbers") == [(7,)]


def test_a_copied_home_has_a_database_of_its_own(postgres: Cluster, tmp_path: Path) -> None:
    home = homes.prepared(tmp_path / "home", postgres)
    home.mkdir()
    first = homes.url_of(home)
    assert first is not None
    tell(first, "CREATE TABLE numbers (number int)")
    copy = homes.url_of(homes.copied(home, tmp_path / "copy"))
    assert copy is not None
    tell(copy, "INSERT INTO numbers VALUES (7)")
    assert (tell(first, "SELECT * FROM numbers"), tell(copy, "SELECT * FROM numbers")) == ([], [(7,)])
    homes.forgotten(tmp_path / "copy")
    names = [name for (name,) in tell(first, "SELECT datname FROM pg_database")]
    assert (first.rsplit("/", 1)[1] in names, copy.rsplit("/", 1)[1] in names) == (True, False)


def test_the_user_is_no_administrator(postgres: Cluster) -> None:
    place = postgres.create()
    assert tell(place, "SELECT rolsuper, rolcreatedb FROM pg_roles WHERE rolname = current_user") == [(False, False)]
    assert tell(place, "SHOW fsync") == [("on",)]


@pytest.mark.usefixtures("postgres")
def test_nothing_of_it_stays_when_its_maker_is_killed() -> None:
    ran = subprocess.run([sys.executable, "-c", MAKER], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == -9, ran.stderr
    folder = Path(ran.stdout.strip())
    until = time.monotonic() + PATIENCE_S
    while folder.exists() or _running(folder):
        assert time.monotonic() < until, f"{folder} outlives who made it"
        time.sleep(0.05)


def test_where_it_cannot_be_had_it_is_said_how(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("tests.postgres.INSTALLED", tmp_path)
    with pytest.raises(PostgresMissing, match="initdb and postgres cannot be found: apt-get install postgresql"):
        found_programs()


def _running(folder: Path) -> bool:
    for one in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has just ended
            if str(folder).encode() in one.read_bytes():
                return True
    return False
