"""`assay serve` takes one address and one home, keeps its workers alive, and ends with all of them."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from assay.errors import AlreadyServing, ApplicationInvalid, NotLoopback, PortTaken
from assay.settings import settings_for
from assay.web.server import bind, is_loopback, lock_home, serve
from tests import tiny
from tests.web.running import eventually

START = (
    "import json, sys; from pathlib import Path; from assay.web.server import serve;"
    " sys.exit(serve(Path(sys.argv[1]), json.loads(sys.argv[2])))"
)


class Served:
    """`serve` in a process of its own."""

    def __init__(self, home: Path, **told: Any) -> None:
        shutil.copytree(tiny.application() / ".assay", home)
        options = {"home": str(home), "port": 0, "drain_timeout_s": 5} | told
        command = [sys.executable, "-c", START, str(tiny.application()), json.dumps(options)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline()
        self.port = int(self.said.split("http://127.0.0.1:")[1].split()[0])
        eventually(lambda: self.status("/readyz") == 200, 60)

    def status(self, path: str) -> int:
        """The status of a GET; 0 where nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def children(self) -> list[int]:
        """The processes that it has started."""
        listed = subprocess.run(
            ["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False
        ).stdout
        return [int(one) for one in listed.split()]

    def end(self) -> int:
        """Tells it to stop; its status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status


@pytest.mark.parametrize(
    ("host", "mine"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("192.168.1.1", False), ("example.org", False), ("", False)],
)  # fmt: skip
def test_only_addresses_of_this_machine_are_its_own(host: str, mine: bool) -> None:
    assert is_loopback(host) == mine


def test_without_keys_it_does_not_listen_beyond_this_machine() -> None:
    with pytest.raises(NotLoopback, match="--open"):
        serve(tiny.application(), {"host": "0.0.0.0", "port": 0})


def test_a_port_that_is_taken_is_said_to_be_so() -> None:
    taken = bind("127.0.0.1", 0)
    with pytest.raises(PortTaken, match="in use"):
        bind("127.0.0.1", taken.getsockname()[1])
    taken.close()


def test_a_home_is_served_by_one_server_at_a_time(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, home=tmp_path / "home")
    lock = lock_home(settings)
    with pytest.raises(AlreadyServing, match=str(os.getpid())):
        lock_home(settings)
    os.close(lock)
    os.close(lock_home(settings))


def test_a_folder_without_an_application_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ApplicationInvalid):
        serve(tmp_path, {})


def test_one_process_serves_and_ends_well(tmp_path: Path) -> None:
    served = Served(tmp_path / "home")
    assert "/docs" in served.said
    assert served.status("/v1/models") == 200
    assert served.end() == 0
    assert served.status("/livez") == 0


def test_several_workers_share_the_port_and_one_that_dies_is_replaced(tmp_path: Path) -> None:
    if shutil.which("pgrep") is None:
        pytest.skip("needs pgrep to find the workers")
    served = Served(tmp_path / "home", workers=2)
    before = served.children()
    assert len(before) == 2
    os.kill(before[0], signal.SIGKILL)
    eventually(lambda: len(served.children()) == 2 and before[0] not in served.children())
    eventually(lambda: served.status("/readyz") == 200)
    assert served.end() == 0
    assert served.status("/livez") == 0


def test_workers_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    if shutil.which("pgrep") is None:
        pytest.skip("needs pgrep to find the workers")
    served = Served(tmp_path / "home", workers=2)
    served.process.kill()
    served.process.wait(10)
    assert served.process.stdout is not None
    served.process.stdout.close()
    eventually(lambda: served.status("/livez") == 0)
