"""Training goes on from what was learnt before: rows keep their side, and nobody is judged on what it has learnt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import select

from assay.app import Assay
from assay.app.learning import kept_rows
from assay.errors import DatasetNotFound, DataSuspect
from assay.store.work.trials import trials as table
from assay.training.run import Plan
from assay.training.split import HELD_OUT, PART
from tests import tiny

LINEAR = Plan(only=("linear",))


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    with tiny.opened(tmp_path / "home") as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path, assay: Assay) -> Path:
    made = tmp_path / "rows"
    made.mkdir()
    assay.application.own_rows().head(200).write_csv(made / "a.csv")
    return made


def sides(assay: Assay, dataset: str) -> dict[tuple[object, ...], bool]:
    rows = kept_rows(assay, dataset)
    return dict(zip(rows.drop(HELD_OUT, PART).iter_rows(), rows[HELD_OUT], strict=True))


def test_rows_keep_their_side_when_more_come(assay: Assay, folder: Path) -> None:
    model = assay.application.model(None)
    first = assay.train(model, folder, LINEAR)
    assay.application.own_rows().tail(100).write_csv(folder / "b.csv")
    second = assay.train(model, folder, LINEAR)
    before, after = sides(assay, first.dataset), sides(assay, second.dataset)
    assert before.items() <= after.items()
    assert len(after) > len(before)
    dataset = assay.datasets.find("stone", second.dataset)
    assert dataset is not None
    assert (dataset.parent, dataset.fresh) == (first.dataset, len(after) - len(before))
    assert [(part.name, part.fresh > 0) for part in dataset.parts] == [("a.csv", False), ("b.csv", True)]


def test_what_is_gone_from_the_source_is_gone_from_the_next_snapshot(assay: Assay, folder: Path) -> None:
    model = assay.application.model(None)
    first = assay.train(model, folder, LINEAR)
    fewer = assay.application.own_rows().head(200).slice(20)
    fewer.write_csv(folder / "a.csv")
    second = assay.train(model, folder, LINEAR)
    before, after = sides(assay, first.dataset), sides(assay, second.dataset)
    assert after.items() < before.items()
    assert assay.train(model, folder, LINEAR).dataset == second.dataset


def test_another_place_begins_another_history(assay: Assay, folder: Path, tmp_path: Path) -> None:
    model = assay.application.model(None)
    assay.train(model, folder, LINEAR)
    elsewhere = tmp_path / "elsewhere.csv"
    assay.application.own_rows().tail(150).write_csv(elsewhere)
    made = assay.train(model, elsewhere, LINEAR)
    dataset = assay.datasets.find("stone", made.dataset)
    assert dataset is not None
    assert dataset.parent is None


def test_a_place_is_the_same_place_wherever_one_stands(
    assay: Assay, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = assay.application.model(None)
    first = assay.train(model, folder)
    monkeypatch.chdir(folder.parent)
    again = assay.train(model, folder.name, Plan(again=False))
    assert again.versions == []
    assert again.dataset == first.dataset


def test_a_part_with_a_defect_is_left_out_and_named(assay: Assay, folder: Path) -> None:
    model = assay.application.model(None)
    assay.train(model, folder, LINEAR)
    good = assay.application.own_rows().tail(100)
    good.write_csv(folder / "b.csv")
    good.with_columns(pl.col("price") * 100).write_csv(folder / "c.csv")  # in cents
    made = assay.train(model, folder, LINEAR)
    assert {part.name: part.refused for part in made.parts} == {"a.csv": "", "b.csv": "", "c.csv": "unit_change"}
    (folder / "b.csv").unlink()
    (folder / "a.csv").unlink()
    with pytest.raises(DataSuspect, match=r"unit_change: c\.csv: "):
        assay.train(model, folder, LINEAR)


def test_a_password_in_an_address_is_in_no_record(assay: Assay, tmp_path: Path) -> None:
    import sqlite3

    with sqlite3.connect(tmp_path / "rows.db") as database:
        database.execute("CREATE TABLE stones (carat REAL, cut TEXT, color TEXT, price REAL)")
        rows = assay.application.own_rows().select("carat", "cut", "color", "price").head(150).rows()
        database.executemany("INSERT INTO stones VALUES (?, ?, ?, ?)", rows)
    database.close()
    address = f"sqlite:///{tmp_path}/rows.db?password=hush"
    made = assay.train(assay.application.model(None), address, LINEAR, query="SELECT * FROM stones")
    dataset = assay.datasets.find("stone", made.dataset)
    assert dataset is not None
    assert "hush" not in f"{dataset.source} {dataset.parts}"
    assert "rows.db" in dataset.source


def test_a_named_dataset_that_is_not_there_is_named(assay: Assay) -> None:
    with pytest.raises(DatasetNotFound, match="none"):
        assay.train(assay.application.model(None), "dataset:none", LINEAR)


def test_a_search_that_was_made_before_is_not_made_again(tmp_path: Path) -> None:
    folder = tiny.write(tmp_path / "app")
    text = (folder / "model.py").read_text()
    (folder / "model.py").write_text(
        text.split("@stone.recipe\ndef linear")[0]
        + '''
@stone.recipe(trials=3)
def tree(trial: Any) -> Any:
    """One tree, its depth searched."""
    from sklearn.pipeline import make_pipeline
    from sklearn.tree import DecisionTreeRegressor

    from assay.recipes import ordinal

    return make_pipeline(ordinal(Stone), DecisionTreeRegressor(max_depth=trial.suggest_int("depth", 1, 6), random_state=0))
'''
    )
    assay = Assay.at(folder)
    try:
        model = assay.application.model(None)
        first = assay.train(model, None)
        kept = trials(assay)
        assert len(kept) == 3
        again = assay.train(model, None)
        assert trials(assay) == kept, "no trial was made again: each would have its own duration"
        assert again.versions[0].parameters == first.versions[0].parameters
        assert again.versions[0].metrics == first.versions[0].metrics
    finally:
        assay.close()


def trials(assay: Assay) -> list[tuple[object, ...]]:
    with assay.database.reading() as connection:
        return [tuple(row) for row in connection.execute(select(table).order_by(table.c.number))]
