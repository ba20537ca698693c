"""What is kept is shown by collection, and an application without one says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.app import Assay
from assay.cli.views.items.listing import all_items, item_json, the_collection
from assay.errors import ApplicationInvalid, CollectionNotFound
from tests import heard, rows, tiny


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    made = Assay.at(heard.write(tmp_path / "app"), home=tmp_path / "home")
    yield made
    made.close()


def test_the_only_collection_needs_no_name(assay: Assay, tmp_path: Path) -> None:
    assert the_collection(assay, None).name == the_collection(assay, "files").name == "files"
    with pytest.raises(CollectionNotFound):
        the_collection(assay, "other")
    with (assay.application.folder / "model.py").open("a") as out:
        out.write('\nothers = assay.Items("others", models=[notes])\n')
    both = Assay.at(heard.write(tmp_path / "both"), home=tmp_path / "second")
    (both.application.folder / "model.py").write_text(
        (assay.application.folder / "model.py").read_text(), encoding="utf-8"
    )
    with pytest.raises(ApplicationInvalid, match="files, others"):
        the_collection(both, None)
    both.close()


def test_an_application_without_a_collection_says_so(tmp_path: Path) -> None:
    assay = Assay.at(tiny.write(tmp_path / "tiny"), home=tmp_path / "home")
    with pytest.raises(ApplicationInvalid, match=r"no assay\.Items"):
        the_collection(assay, None)
    assay.close()


def test_nothing_that_is_kept_is_said_in_words(assay: Assay, capsys: pytest.CaptureFixture[str]) -> None:
    all_items(assay, None, limit=5, as_json=False)
    assert "Nothing is kept yet" in capsys.readouterr().err


def test_an_item_is_told_flat() -> None:
    told = item_json(rows.item())
    assert (told["format"], told["rate"], told["duration_seconds"], told["notes"]) == ("wav", 8_000, 1.0, ())
    assert {"place", "sound", "ended_at"}.isdisjoint(told)
