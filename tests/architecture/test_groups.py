"""Tests of one group, and tests of one file, run in one process when the tests run in several."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.architecture.tree import ROOT

FILE = """
import os, time, pytest

@pytest.mark.parametrize("i", range(4))
def test_of_this_file(i):
    time.sleep(0.05)
    print("ran", "{name}", os.getpid())

@pytest.mark.xdist_group("server")
def test_of_the_group():
    time.sleep(0.05)
    print("ran", "server", os.getpid())
"""


def processes(place: Path) -> dict[str, set[str]]:
    """Which processes ran the tests of each file and of the group, with two processes to choose from."""
    for name in ("one", "two", "three"):
        (place / f"test_{name}.py").write_text(FILE.replace("{name}", name), encoding="utf-8")
    shutil.copy(ROOT / "conftest.py", place)
    (place / "pytest.ini").touch()
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadgroup", "-rP", "-p", "no:cacheprovider"]
    ran = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found: dict[str, set[str]] = {}
    for name, process in re.findall(r"^ran (\w+) (\d+)$", ran.stdout, re.MULTILINE):
        found.setdefault(name, set()).add(process)
    return found


def test_a_file_and_a_group_each_have_one_process(tmp_path: Path) -> None:
    found = processes(tmp_path)
    assert {name: len(used) for name, used in found.items()} == {"one": 1, "two": 1, "three": 1, "server": 1}
    assert len(set.union(*found.values())) == 2, "one process did all the work"
