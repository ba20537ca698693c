"""The control set, from the command line and with a real server and its worker: what is broken does not get to answer."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import heard, homes, misheard
from tests.promises.servers import Server, assay_of, environment, serving

PATIENCE_S = 240.0
ASSAY = [sys.executable, "-c", "from assay.cli.main import main; main(prog_name='assay')"]


def assay(verb: str, folder: Path, home: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """A command as a person gives it."""
    known = environment() | homes.environment_of(home) | {"ASSAY_CONTROL": "control"}
    return subprocess.run(
        [*ASSAY, verb, str(folder), "--home", str(home), *more],
        capture_output=True, text=True, env=known, check=False, timeout=200,
    )  # fmt: skip


def controls(server: Server) -> list[dict[str, Any]]:
    """The verdicts on the control set, the newest first."""
    found = server.ask("/v1/models/notes/verdicts?kind=control")
    assert found.status == 200, found.body
    return list(found.json["results"])


def jobs(server: Server) -> list[dict[str, Any]]:
    """The jobs that have looked."""
    return [one for one in server.ask("/v1/jobs?verb=watch").json["results"] if one["state"] == "succeeded"]


def eventually(server: Server, holds: Callable[[], Any]) -> Any:
    """Waits until it holds."""
    until = time.monotonic() + PATIENCE_S
    while not (found := holds()):
        assert time.monotonic() < until, server.log.read_text()[-3000:]
        time.sleep(0.3)
    return found


def waited(server: Server, by: str, version: int) -> dict[str, Any]:
    """The first verdict that somebody makes on a version."""
    made = eventually(server, lambda: [one for one in controls(server) if (one["by"], one["version"]) == (by, version)])
    return dict(made[-1])


def failed(verdict: dict[str, Any]) -> set[str]:
    return {check["name"] for check in verdict["checks"] if not check["passed"]}


@pytest.mark.timeout(900)
@pytest.mark.xdist_group("server")
def test_a_broken_version_is_refused_by_name_and_watched_where_somebody_lets_it_answer(
    fresh_home: Path, tmp_path: Path
) -> None:
    folder = misheard.write(tmp_path / "app")
    heard.write_recordings(folder / "control", 30, 6, seed=9)
    sound = ("--data", str(folder / "sound"))
    first = assay("train", folder, fresh_home, *sound, "--recipe", misheard.HONEST)
    assert (first.returncode, "Version 1 answers from now on" in first.stdout) == (0, True), first.stderr

    second = assay("train", folder, fresh_home, *sound, "--recipe", "silence")
    assert second.returncode == 0, second.stderr
    told = " ".join(second.stdout.split())  # a long path wraps the lines elsewhere
    assert "did not pass the gate: " in told
    assert "fires on silence" in told
    versions = json.loads(assay("versions", folder, fresh_home, "--json").stdout)
    assert (versions["ruling"], [one["status"] for one in versions["versions"]]) == (1, ["ready", "ready"])
    told = json.loads(assay("verdicts", folder, fresh_home, "2", "--json").stdout)["verdicts"]
    assert [(one["kind"], one["outcome"], one["against"]) for one in told] == [
        ("gate", "failed", 1),
        ("control", "failed", 1),
    ]
    assert "silence" in failed(told[0]) & failed(told[1])
    asked = assay("watch", folder, fresh_home, "2")
    assert (asked.returncode, "fires on silence" in asked.stdout) == (1, True), asked.stderr

    watched = {"job_workers": 1, "look_interval_s": 0.5, "control": "control"}
    watched["schedules"] = {"control": {"verb": "watch", "every": "1m"}}
    with serving(fresh_home, application=folder, told=watched) as server:
        assert waited(server, "promotion", 1)["outcome"] == "passed"
        assert waited(server, "schedule control", 1)["outcome"] == "passed"
        opened = assay_of(fresh_home, folder)
        try:
            opened.promote("notes", 2, by="a person in a hurry")
        finally:
            opened.close()
        verdict = waited(server, "promotion", 2)
        assert (verdict["outcome"], verdict["against"]) == ("failed", 1)
        assert "silence" in failed(verdict)
        assert server.ask("/v1/models/notes/rollout").json["champion"] == 2  # that is for a person to change
        eventually(server, lambda: any("fires on silence" in one["log"] for one in jobs(server)))
    assert "control_failed" in server.log.read_text()
