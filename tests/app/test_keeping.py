"""What a training run leaves: a run that was cut off is gone on with, and rows of another place are held against known ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from assay.app import Assay
from assay.app.keeping import Keeper
from assay.errors import DataSuspect
from assay.store.items import holds
from assay.training.run import Plan
from assay.training.train import code_digest
from tests import tiny

FRESH = Plan(again=False)


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    with tiny.opened(tmp_path / "home") as opened:
        yield opened


@pytest.fixture
def rows(tmp_path: Path, assay: Assay) -> Path:
    made = tmp_path / "rows.csv"
    assay.application.own_rows().head(250).write_csv(made)
    return made


def test_rows_count_as_learnt_from_only_once_a_run_has_ended(assay: Assay, rows: Path) -> None:
    model = assay.application.model(None)

    class CutOff(Exception):
        pass

    def cut(recipe: str, done: int, _of: int) -> None:
        if recipe == "rough" and done == 0:
            raise CutOff

    with pytest.raises(CutOff):
        assay.train(model, rows, Plan(again=False, progress=cut))
    made = assay.versions.all("stone")[0]
    assert made.recipe == "linear", "it got so far"
    done = assay.train(model, rows, FRESH)
    assert {one.recipe for one in done.versions} == {"linear", "rough", "broken"}
    assert next(one for one in done.versions if one.recipe == "linear").number == made.number, "not fitted again"
    assert done.unchanged != "because there are no rows that were not learnt from already"
    assert assay.verdicts.page("stone", version=made.number, kind="gate"), "it was judged"
    assert assay.train(model, rows, FRESH).versions == []


def test_with_other_code_the_same_rows_are_learnt_from_again(assay: Assay, rows: Path) -> None:
    model = assay.application.model(None)
    done = assay.train(model, rows, FRESH)
    keeper = Keeper(assay, model, str(rows))
    assert keeper.learnt(done.dataset, code_digest(model))
    assert not keeper.learnt(done.dataset, "0" * 64)


def test_rows_of_another_place_are_held_against_those_of_the_version_that_rules(
    assay: Assay, rows: Path, tmp_path: Path
) -> None:
    model = assay.application.model(None)
    linear = Plan(only=("linear",))
    assert assay.train(model, rows, linear).versions
    version = assay.versions.all("stone")[0]
    assay.promote("stone", version.number, by="test")
    cents = tmp_path / "cents.csv"
    assay.application.own_rows().tail(120).with_columns(pl.col("price") * 100).write_csv(cents)
    with pytest.raises(DataSuspect, match=r"unit_change: .*'price'"):
        assay.train(model, cents, linear)
    trusted = assay.train(model, cents, Plan(only=("linear",), promote=False, trust=True))
    assert trusted.versions, "who knows better may say so"
    good = tmp_path / "good.csv"
    assay.application.own_rows().tail(120).write_csv(good)
    made = assay.train(model, good, linear)
    dataset = assay.datasets.find("stone", made.dataset)
    assert dataset is not None
    assert (dataset.parent, dataset.fresh) == (None, dataset.rows), "a history of its own all the same"


def test_recordings_that_were_learnt_from_stay_when_their_items_are_deleted(tmp_path: Path) -> None:
    from assay.app.items.deleting import Deleting
    from tests import heard
    from tests.app.items.test_receiving import send

    with heard.opened(tmp_path / "home") as assay:
        body = (heard.application() / "sound" / "tone_00.wav").read_bytes()
        item, _ = send(assay, body)
        with assay.database.reading() as connection:
            assert item.digest in holds.held(connection, assay.versions.find("notes", heard.DRAWN).dataset)
        Deleting(assay).delete("files", item.name, "a test")
        assert assay.artifacts.confirmed(item.digest).read_bytes() == body
