"""A look says what is there and whether it has changed, without reading rows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from assay.errors import DataInvalid
from assay.sources.looks import counts, fingerprint, found, kind


def test_a_place_is_a_path_a_bucket_or_a_database() -> None:
    assert kind("stones/2026-*.csv") == kind("/srv/a.csv") == "files"
    assert {kind(f"{scheme}://x/y") for scheme in ("s3", "gs", "az")} == {"bucket"}
    assert kind("sqlite:///x.db") == kind("postgresql+psycopg://x/y") == "database"


@pytest.mark.parametrize("place", ["file:///etc/passwd", "http://169.254.169.254/x", "ftp://x/y", "mysql://x/y"])
def test_other_addresses_are_refused(place: str) -> None:
    with pytest.raises(DataInvalid, match="Rows are not read from"):
        kind(place)


@pytest.mark.parametrize("name", [".a.csv", "a.csv.tmp", "a.csv.part", "a.txt", "a"])
def test_hidden_unfinished_and_other_files_do_not_count(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.CSV").touch()
    (tmp_path / name).touch()
    assert not counts(name)
    assert found(tmp_path) == [tmp_path / "a.CSV"]


def test_a_glob_passes_over_what_is_unfinished(tmp_path: Path) -> None:
    for name in ("day-1.csv", "day-2.csv.part", "day-3.tmp"):
        (tmp_path / name).touch()
    assert found(tmp_path / "day-*") == [tmp_path / "day-1.csv"]


def test_a_fingerprint_changes_with_each_change_and_only_then(tmp_path: Path) -> None:
    place = str(tmp_path)
    assert fingerprint(place) is None
    (tmp_path / "a.csv").write_text("x")
    one = fingerprint(place)
    assert one == fingerprint(place)
    (tmp_path / "a.csv.part").write_text("half")
    assert fingerprint(place) == one
    (tmp_path / "a.csv").write_text("xy")
    longer = fingerprint(place)
    os.utime(tmp_path / "a.csv", (1, 1))
    older = fingerprint(place)
    (tmp_path / "b.csv").write_text("x")
    more = fingerprint(place)
    (tmp_path / "b.csv").rename(tmp_path / "c.csv")
    assert len({one, longer, older, more, fingerprint(place)}) == 5


def test_a_file_that_replaces_another_of_the_same_size_and_time_is_noticed(tmp_path: Path) -> None:
    file, other = tmp_path / "a.csv", tmp_path / ".b"
    for one, text in ((file, "x"), (other, "y")):
        one.write_text(text)
        os.utime(one, (1, 1))
    before = fingerprint(str(tmp_path))
    other.replace(file)
    assert fingerprint(str(tmp_path)) != before


def test_a_place_that_is_not_there_has_no_fingerprint(tmp_path: Path) -> None:
    assert fingerprint(str(tmp_path / "none")) is None
    assert fingerprint(str(tmp_path / "*.csv")) is None


def test_looking_brings_no_library_of_frames() -> None:
    program = "import sys; import assay.sources.looks; print(*{name.split('.')[0] for name in sys.modules})"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"polars", "numpy", "sklearn", "obstore", "scipy"} & set(ran.stdout.split())
