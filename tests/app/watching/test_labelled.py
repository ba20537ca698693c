"""The control set: where the operator says, or what was held out; never what a version has learnt from."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from assay.app import Assay
from assay.app.evidence import parted
from assay.app.watching import labelled
from assay.app.watching.labelled import ControlSet, control_place, control_set
from assay.errors import DataInvalid
from assay.store.items import holds
from tests import heard


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    with heard.opened(tmp_path / "home") as opened:
        yield opened


def chosen(assay: Assay, *numbers: int) -> ControlSet:
    versions = [assay.version("notes", number) for number in numbers or (heard.DRAWN,)]
    return control_set(assay, assay.application.model(None), versions)


def test_a_path_is_meant_from_the_applications_folder_and_an_address_as_it_is(assay: Assay, tmp_path: Path) -> None:
    assert control_place(assay) is None
    assay.settings.control = "control"
    assert control_place(assay) == str(assay.application.folder / "control")
    assay.settings.control = str(tmp_path)
    assert control_place(assay) == str(tmp_path)
    assay.settings.control = "s3://bucket/control"
    assert control_place(assay) == "s3://bucket/control"


def test_recordings_of_the_operators_are_kept_named_and_held(assay: Assay, tmp_path: Path) -> None:
    assay.settings.control = str(heard.write_recordings(tmp_path / "control", 5, seed=8))
    shutil.copy(tmp_path / "control" / "tone_00.wav", tmp_path / "control" / "tone_99.wav")
    table = tmp_path / "control" / "utterances.csv"
    table.write_text(table.read_text() + "".join(
        line.replace("tone_00", "tone_99") + "\n" for line in table.read_text().splitlines() if line.startswith("tone_00")
    ))  # fmt: skip

    found = chosen(assay)

    assert found.given
    assert len(found.names) == found.rows.height == 5  # equal bytes are one recording
    assert set(found.names) <= {f"tone_{place:02d}.wav" for place in (0, 1, 2, 3, 4, 99)}
    digests = found.rows["audio"].to_list()
    with assay.database.reading() as connection:
        assert holds.held(connection, found.dataset) == sorted(digests)
    dataset = assay.datasets.find("notes", found.dataset)
    assert dataset is not None
    assert chosen(assay).dataset == found.dataset  # again it is the same


def test_what_was_learnt_from_is_left_out(assay: Assay) -> None:
    assay.settings.control = str(assay.application.folder / "sound")  # from which all versions were made
    learnt, held_out = parted(assay, assay.application.model(None), assay.version("notes", 1))

    found = chosen(assay)

    assert sorted(found.rows["audio"]) == sorted(held_out["audio"])
    assert found.left_out == learnt.height


def test_where_all_was_learnt_from_nothing_is_left(assay: Assay, tmp_path: Path) -> None:
    learnt, _ = parted(assay, assay.application.model(None), assay.version("notes", 1))
    folder = shutil.copytree(assay.application.folder / "sound", tmp_path / "sound")
    digests = set(learnt["audio"])
    kept = {name for digest, name in labelled._files(str(folder)).items() if digest in digests}
    for file in folder.glob("*.wav"):
        if file.name not in kept:
            file.unlink()
    table = folder / "utterances.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([lines[0], *(line for line in lines[1:] if line.split(",")[0] in kept)]) + "\n")
    assay.settings.control = str(folder)

    with pytest.raises(DataInvalid, match="inputs of the control set was learnt from"):
        chosen(assay)


def test_what_was_held_out_is_taken_where_nobody_names_a_set(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> None:
    _, held_out = parted(assay, assay.application.model(None), assay.version("notes", 1))

    found = chosen(assay, heard.DRAWN, heard.PLAIN)

    assert (found.given, found.left_out) == (False, 0)
    assert found.rows.equals(held_out.select("audio", "utterances"))
    assert found.names == tuple(digest[:12] for digest in held_out["audio"])
    assert found.dataset == assay.version("notes", 1).dataset
    monkeypatch.setattr(labelled, "MOST_RECORDINGS", 2)
    assert chosen(assay).rows.height == 2
    assert chosen(assay).rows.equals(chosen(assay).rows)


def test_a_place_that_is_not_there_is_said(assay: Assay, tmp_path: Path) -> None:
    assay.settings.control = str(tmp_path / "nowhere")
    with pytest.raises(DataInvalid, match="there is no such folder"):
        chosen(assay)


def test_rows_of_a_table_are_numbered(tmp_path: Path) -> None:
    import assay as api

    class Reader(api.Input):
        """A reader."""

        age: float = api.Number()

    model = api.Model("topics", input=Reader, target="liked", labels=("art", "war"), metric="average_precision")
    assert labelled._names(model, pl.DataFrame({"age": [1.0, 2.0]}), {}) == ("row 1", "row 2")
    assert labelled._files(str(tmp_path / "rows.csv")) == {}
