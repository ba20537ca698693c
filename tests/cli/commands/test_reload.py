"""`assay reload` lets a running server read everything anew, and says where it could not."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import PROGRAM, program, run
from tests.web.running import eventually

QUICK = {"ASSAY_JOB_WORKERS": "0", "ASSAY_DRAIN_DELAY_S": "0"}


@pytest.fixture
def served(app: Path, home: Path, tmp_path: Path) -> Iterator[tuple[Path, Path, str]]:
    """A copy of the application being served: its folder, its home and its address."""
    folder = tmp_path / "houses"
    shutil.copytree(app, folder)
    command = [*PROGRAM, "serve", str(folder), "--home", str(home), "--port", "0", "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, **QUICK}
    ) as server:
        assert server.stdout is not None
        url = json.loads(server.stdout.readline())["url"]
        eventually(lambda: answers(url), 60)
        yield folder, home, url
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0


def answers(url: str) -> bool:
    """Whether the server is there and ready."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_it_says_which_generation_answers_where(served: tuple[Path, Path, str]) -> None:
    folder, home, url = served
    done = program("reload", folder, "--home", home)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().strip() == f"Reloaded: generation 2 answers on {url}."
    again = program("reload", folder, "--home", home, "--json")
    told = json.loads(again.stdout)
    assert (told["generation"], told["outcome"], told["url"]) == (3, "", url)


def test_what_is_refused_is_said_and_fails_and_the_old_ones_go_on(served: tuple[Path, Path, str]) -> None:
    folder, home, _ = served
    (folder / "assay.toml").write_text("workrs = 2")
    refused = program("reload", folder, "--home", home)
    assert refused.returncode == 1
    assert b"goes on as it was" in refused.stderr
    assert b"did you mean 'workers'" in refused.stderr
    (folder / "assay.toml").unlink()
    (folder / "api.py").write_text("import nothing_of_the_kind")
    assert b"nothing_of_the_kind" in program("reload", folder, "--home", home).stderr
    (folder / "api.py").unlink()
    assert program("reload", folder, "--home", home).returncode == 0


@pytest.mark.parametrize("left", [None, "1"])
def test_where_no_server_runs_it_says_so(app: Path, tmp_path: Path, left: str | None) -> None:
    if left is not None:  # of a server that was killed
        (tmp_path / "serve.lock").write_text(left)
        (tmp_path / "serve.json").write_text(json.dumps({"pid": int(left), "url": "", "started_at": ""}))
    refused = run("reload", app, "--home", tmp_path)
    assert refused.exit_code == 1
    assert "No server runs on this home folder" in refused.stderr
