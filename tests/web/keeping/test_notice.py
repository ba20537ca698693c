"""What a server says of itself in its home is believed only while that server runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from assay.settings import settings_for
from assay.web.keeping.notice import Notice, holder_of, read
from assay.web.server import lock_home


def notice(pid: int) -> Notice:
    return Notice(pid=pid, url="http://127.0.0.1:1", started_at="2026-01-01T00:00:00Z", workers=(1, 2), jobs=(3,))


def test_it_is_read_as_it_was_written_while_the_home_is_locked(tmp_path: Path) -> None:
    lock = lock_home(settings_for(tmp_path, home=tmp_path))
    notice(os.getpid()).write(tmp_path)
    assert read(tmp_path) == notice(os.getpid())
    assert holder_of(tmp_path) == os.getpid()
    assert (tmp_path / "serve.json").stat().st_mode & 0o077 == 0
    os.close(lock)
    assert read(tmp_path) is None
    assert holder_of(tmp_path) is None


@pytest.mark.parametrize("left", ["", "{", "[]", '{"pid": 1}'])
def test_what_a_dead_server_has_left_behind_is_not_believed(tmp_path: Path, left: str) -> None:
    assert read(tmp_path) is None
    (tmp_path / "serve.json").write_text(left)
    lock = lock_home(settings_for(tmp_path, home=tmp_path))
    assert read(tmp_path) is None
    notice(os.getpid() + 1).write(tmp_path)
    assert read(tmp_path) is None, "it was written by another one"
    os.close(lock)
