"""A folder is there whole or not at all, whoever is interrupted, and what the dead leave is swept away."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from assay.errors import NotEmpty
from assay.store.copies.draft import drafted, sweep

DYING = """
import os, signal, sys
from pathlib import Path
from assay.store.copies.draft import drafted
with drafted(Path(sys.argv[1])) as draft:
    (draft / "half").touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_filled_draft_gets_its_name(tmp_path: Path) -> None:
    with drafted(folder := tmp_path / "deep" / "folder") as draft:
        (draft / "file").write_text("content")
        assert not folder.exists()
    assert (folder / "file").read_text() == "content"
    assert [file.name for file in folder.parent.iterdir()] == ["folder"]
    assert folder.stat().st_mode & 0o777 == 0o700


def test_an_empty_folder_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with drafted(tmp_path / "folder") as draft:
        (draft / "file").touch()
    assert (tmp_path / "folder" / "file").exists()


@pytest.mark.parametrize("there", ["file", "folder", "link"])
def test_nothing_is_ever_overwritten(there: str, tmp_path: Path) -> None:
    target = tmp_path / "target"
    if there == "file":
        target.write_text("mine")
    elif there == "link":
        target.symlink_to("nowhere")
    else:
        target.mkdir()
        (target / "mine").touch()
    with pytest.raises(NotEmpty), drafted(target):
        raise AssertionError("it was begun")
    assert [file.name for file in tmp_path.iterdir()] == ["target"]


def test_what_comes_meanwhile_is_not_overwritten_either(tmp_path: Path) -> None:
    with pytest.raises(NotEmpty), drafted(tmp_path / "folder"):
        (tmp_path / "folder").mkdir()
        (tmp_path / "folder" / "mine").touch()
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]


def test_whoever_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="half way"), drafted(tmp_path / "folder") as draft:
        (draft / "file").touch()
        raise ValueError("half way")
    assert list(tmp_path.iterdir()) == []


def test_what_was_killed_has_no_name_and_is_swept_once_it_is_old(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", DYING, str(tmp_path / "folder")], check=False).returncode
    assert ended == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".assay-")
    assert sweep(tmp_path) == 0, "one that is just being locked looks the same"
    os.utime(left, (0, 0))
    with drafted(tmp_path / "folder"):
        pass
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]


def test_a_draft_that_somebody_holds_is_left_alone(tmp_path: Path) -> None:
    (held := tmp_path / ".assay-1.draft").mkdir()
    os.utime(held, (0, 0))
    handle = os.open(held, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    assert sweep(tmp_path) == 0
    os.close(handle)
    assert sweep(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []
