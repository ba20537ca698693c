"""Labels count once the table and every recording that it names are whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from assay.errors import DataInvalid
from assay.sources.audio.labelled import Labelled
from tests import waves

HEADER = "file,utterance,start_s,end_s\n"


@pytest.fixture
def labelled() -> Labelled:
    return Labelled()


def look(labelled: Labelled, folder: Path, times: int = 2) -> str | None:
    """What it says when it is not too early any more."""
    found = None
    for _ in range(times):
        labelled._next = 0
        found = labelled.look(str(folder))
    return found


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_bytes(waves.wav())


def test_nothing_is_labelled_without_a_table(labelled: Labelled, tmp_path: Path) -> None:
    put(tmp_path, "a.wav")
    (tmp_path / "rows.csv").write_text("x\n1\n")
    assert look(labelled, tmp_path) is None
    assert look(labelled, tmp_path / "nowhere") is None
    assert look(labelled, tmp_path / "a.wav") is None


def test_it_is_told_once_two_looks_find_it_alike(labelled: Labelled, tmp_path: Path) -> None:
    put(tmp_path, "a.wav", "b.wav")
    (tmp_path / "utterances.csv").write_text(HEADER + "a.wav,zero,0.1,0.5\n")
    assert look(labelled, tmp_path, 1) is None
    found = look(labelled, tmp_path, 1)
    assert found is not None
    put(tmp_path, "c.wav")
    (tmp_path / "b.wav").unlink()
    assert look(labelled, tmp_path, 3) == found, "recordings without a label change nothing"
    assert look(Labelled(), tmp_path) == found, "nor does a restart"
    (tmp_path / "utterances.csv").write_text(HEADER + "a.wav,one,0.1,0.5\n")
    assert look(labelled, tmp_path, 1) is None
    assert look(labelled, tmp_path, 1) not in (None, found)


def test_a_table_waits_for_the_recordings_that_it_names(labelled: Labelled, tmp_path: Path) -> None:
    (tmp_path / "utterances.csv").write_text(HEADER + "a.wav,zero,0.1,0.5\nb/c.wav,zero,0.1,0.5\n")
    put(tmp_path, "a.wav")
    with capture_logs() as said:
        assert look(labelled, tmp_path, 3) is None
    (told,) = said
    assert (told["event"], told["missing"], told["named"], told["such_as"]) == (
        "labelled_recordings_missing",
        1,
        2,
        "b/c.wav",
    )
    (tmp_path / "b").mkdir()
    put(tmp_path, "b/c.wav")
    assert look(labelled, tmp_path, 1) is None
    (tmp_path / "b" / "c.wav").write_bytes(waves.wav(3))  # it was still being written
    assert look(labelled, tmp_path, 1) is None
    assert look(labelled, tmp_path, 1) is not None


def test_what_is_no_table_is_left_to_whoever_learns_from_it(labelled: Labelled, tmp_path: Path) -> None:
    for text in ("", "x,y\n1,2\n", "\0\0", HEADER):
        (tmp_path / "utterances.csv").write_text(text)
        put(tmp_path, "a.wav")
        assert look(Labelled(), tmp_path) is not None


def test_a_place_that_takes_long_is_looked_at_less_often(labelled: Labelled, tmp_path: Path) -> None:
    put(tmp_path, "a.wav")
    (tmp_path / "utterances.csv").write_text(HEADER + "a.wav,zero,0.1,0.5\n")
    assert look(labelled, tmp_path, 1) is None
    labelled._next = 2**62
    assert labelled.look(str(tmp_path)) is None


def test_a_table_that_is_too_long_is_refused(
    labelled: Labelled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "utterances.csv").write_text(HEADER)
    monkeypatch.setattr("assay.sources.audio.labelled.LONGEST_TABLE", 3)
    with pytest.raises(DataInvalid, match="longer"):
        look(labelled, tmp_path)
