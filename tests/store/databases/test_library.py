"""Which SQLite is in use, and which file a path leads to."""

from __future__ import annotations

from pathlib import Path

from assay.store.databases.library import identity, library, sqlite


def test_the_version_is_that_of_the_library_which_is_used() -> None:
    raw = sqlite.connect(":memory:")
    (told,) = raw.execute("SELECT sqlite_version()").fetchone()
    raw.close()
    assert ".".join(map(str, library())) == told


def test_a_file_is_known_by_what_it_is_and_not_by_its_name(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert identity(str(first)) is None
    first.write_text("x")
    known = identity(str(first))
    first.rename(second)
    assert known is not None
    assert (identity(str(first)), identity(str(second))) == (None, known)
    first.write_text("x")
    assert identity(str(first)) not in (None, known)
