"""`assay serve` takes one address and one home, becomes their supervisor, and tells what it is asked about settings."""

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

from assay.errors import AlreadyServing, ApplicationInvalid, NotLoopback, PortTaken, ScheduleInvalid
from assay.settings import settings_for
from assay.web.keeping import notice
from assay.web.server import bind, held_back, is_loopback, lock_home, plan_of, serve
from tests import tiny
from tests.web.running import eventually

START = (
    "import json, sys; from pathlib import Path; from assay.web.server import serve;"
    " sys.exit(serve(Path(sys.argv[1]), json.loads(sys.argv[2])))"
)


class Served:
    """`serve` in a process of its own."""

    def __init__(self, home: Path, folder: Path | None = None, **told: Any) -> None:
        self.home = home
        shutil.copytree(tiny.application() / ".assay", home)
        plain = {"port": 0, "drain_timeout_s": 5, "drain_delay_s": 0, "job_workers": 0, "predict_workers": 0}
        options = {"home": str(home)} | plain | told
        command = [sys.executable, "-c", START, str(folder or tiny.application()), json.dumps(options)]
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

    def notice(self) -> dict[str, Any]:
        """What it says of itself in its home."""
        return dict(json.loads((self.home / "serve.json").read_text()))

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


def test_it_serves_says_where_and_ends_well(tmp_path: Path) -> None:
    served = Served(tmp_path / "home")
    assert "/docs" in served.said
    assert served.status("/v1/models") == 200
    told = notice.read(tmp_path / "home")
    assert told is not None
    assert (told.pid, told.url, told.generation) == (served.process.pid, f"http://127.0.0.1:{served.port}", 1)
    assert served.end() == 0
    assert served.status("/livez") == 0
    assert notice.read(tmp_path / "home") is None
    assert not (tmp_path / "home" / "serve.json").exists()


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


def test_a_home_that_is_refused_is_free_again(tmp_path: Path) -> None:
    taken = bind("127.0.0.1", 0)
    with pytest.raises(PortTaken):
        serve(tiny.application(), {"home": tmp_path / "home", "port": taken.getsockname()[1]})
    taken.close()
    os.close(lock_home(settings_for(tmp_path, home=tmp_path / "home")))


def test_signals_are_held_back_only_within_the_block() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with held_back():
        assert {signal.SIGTERM, signal.SIGINT, signal.SIGHUP} <= signal.pthread_sigmask(signal.SIG_BLOCK, ())
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


def test_the_plan_is_the_part_of_the_settings_that_the_supervisor_needs(tmp_path: Path) -> None:
    plan = plan_of(settings_for(tmp_path, home=tmp_path / "home", workers=3, drain_delay_s=0.5))
    assert (plan.workers, plan.drain_delay_s, plan.home) == (3, 0.5, str(tmp_path / "home"))


@pytest.mark.parametrize(("text", "ready"), [("workers = 2", True), ("workrs = 2", False), ("workers =", False)])
def test_settings_are_read_anew_in_a_process_that_says_what_it_found(tmp_path: Path, text: str, ready: bool) -> None:
    (tmp_path / "assay.toml").write_text(text)
    heard, said = os.pipe()
    command = [sys.executable, "-m", "assay.web.server", str(tmp_path), str(said), "{}"]
    subprocess.run(command, pass_fds=(said,), check=True)
    os.close(said)
    with os.fdopen(heard) as lines:
        told = json.load(lines)
    assert told.get("ready", False) == ready
    assert told["plan"]["workers"] == 2 if ready else "assay.toml" in told["refused"]


@pytest.mark.parametrize("rule", ['every = "30 seconds"', 'cron = "0 0 30 2 *"'])
def test_a_schedule_that_cannot_be_followed_is_refused_before_anything_starts(tmp_path: Path, rule: str) -> None:
    folder = tiny.write(tmp_path / "app")
    (folder / "assay.toml").write_text(f"[schedules.nightly]\n{rule}\n")
    with pytest.raises(ScheduleInvalid, match="nightly"):
        serve(folder, {"port": 0})
