"""Two versions are compared on rows that neither has learnt from, by their own answers, with what changes most."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from assay.app import Assay
from assay.app.comparing import compare, standing
from assay.app.learning import kept_rows
from assay.errors import DataInvalid, VersionNotFound, VersionRejected
from assay.store import versions
from assay.training.paired import Difference
from assay.training.run import Plan
from assay.training.split import split
from tests import tiny

NAMED = '''"""What is there?"""

import assay
from assay.recipes import one_hot, yes_or_no


class Thing(assay.Input):
    """A thing."""

    size: float = assay.Number()
    kind: str = assay.Category("a", "b")


thing = assay.Model("thing", input=Thing, target="labels", labels=("big",), metric="brier")


def fitted(columns):
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline

    return yes_or_no(make_pipeline(one_hot(Thing, columns), LinearRegression()))


@thing.recipe
def both():
    return fitted(["size", "kind"])


@thing.recipe
def kind():
    return fitted(["kind"])
'''


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    with tiny.opened(tmp_path / "home") as opened:
        yield opened


def test_both_are_measured_on_the_rows_held_out_as_they_were_after_training(assay: Assay) -> None:
    found = compare(assay, assay.application.model(None), tiny.ROUGH, tiny.LINEAR)
    assert (found.first.version, found.second.version) == (tiny.ROUGH, tiny.LINEAR)
    assert (found.first.recipe, found.second.recipe, found.source) == ("rough", "linear", None)
    assert (found.rows, found.known, found.set_aside) == (60, 0, 0)
    for side in (found.first, found.second):
        version = assay.versions.find("stone", side.version)
        assert side.metrics == pytest.approx(version.metrics, rel=1e-5)
        assert side.segments.keys() == version.segments.keys()
    assert {name: one.difference.value for name, one in found.metrics.items()} == pytest.approx(
        {name: found.second.metrics[name] - found.first.metrics[name] for name in ("mae", "rmse", "mape", "r2")}
    )


def test_a_difference_is_told_in_a_word_in_both_directions(assay: Assay) -> None:
    model = assay.application.model(None)
    found = compare(assay, model, tiny.ROUGH, tiny.LINEAR)
    assert {one.second_is for one in found.metrics.values()} == {"better"}
    assert {name: one.second_is for name, one in found.segments.items()}["carat >=1"] == "better"
    back = compare(assay, model, tiny.LINEAR, tiny.ROUGH)
    assert {one.second_is for one in back.metrics.values()} == {"worse"}
    same = compare(assay, model, tiny.LINEAR, tiny.LINEAR)
    assert {one.second_is for one in same.metrics.values()} == {"the same"}
    assert same.changes == ()


def test_comparing_again_says_the_same(assay: Assay) -> None:
    model = assay.application.model(None)
    assert compare(assay, model, 1, 2) == compare(assay, model, 1, 2)


def test_the_rows_that_change_most_come_first_with_the_answers_as_they_are_given(assay: Assay) -> None:
    model = assay.application.model(None)
    found = compare(assay, model, tiny.ROUGH, tiny.LINEAR).changes
    assert len(found) == 20
    sizes = [abs(one.change) for one in found]
    assert sizes == sorted(sizes, reverse=True)
    held_out = split(kept_rows(assay, assay.versions.find("stone", 1).dataset), model.test_size, model.seed)[1]
    known = {(row["carat"], row["cut"], row["color"], row["price"]) for row in held_out.to_dicts()}
    for one in found:
        assert (*one.question.values(), one.truth) in known
        assert one.change == one.second - one.first
        assert one.second == round(one.second, 2)
    question = found[0].question | {"carat": float(found[0].question["carat"])}
    answers = [assay.loader.load(assay.versions.find("stone", number)) for number in (tiny.ROUGH, tiny.LINEAR)]
    given = [
        each.contract.target.finish(each.engine.run({name: [said] for name, said in question.items()}).tolist())
        for each in answers
    ]
    assert [found[0].first, found[0].second] == pytest.approx([given[0][0], given[1][0]])


def learnt_from(assay: Assay, rows: pl.DataFrame) -> int:
    """Registers version `LINEAR` once more, as if it had learnt from these rows; its number."""
    file = io.BytesIO()
    rows.write_parquet(file)
    dataset = assay.artifacts.put(file.getvalue())
    version = msgspec.structs.replace(assay.versions.find("stone", tiny.LINEAR), dataset=dataset)
    with assay.database.writing() as connection:
        return versions.add(connection, version).number


def sides(assay: Assay, number: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows that the version has learnt from, and those that were held out."""
    model = assay.application.model(None)
    return split(kept_rows(assay, assay.versions.find("stone", number).dataset), model.test_size, model.seed)


def test_rows_that_one_of_them_has_learnt_from_are_left_out(assay: Assay) -> None:
    learnt, held_out = sides(assay, tiny.ROUGH)
    raised = held_out.with_columns(pl.col("price") + 1)  # equal in all but the price: another row
    mixed = pl.concat([learnt.head(100), raised, learnt.head(3)]).sample(fraction=1, shuffle=True, seed=1)
    other = learnt_from(assay, mixed)
    found = compare(assay, assay.application.model(None), tiny.ROUGH, other)
    known = {row for each in (tiny.ROUGH, other) for row in sides(assay, each)[0].iter_rows()}
    asked = list(sides(assay, other)[1].iter_rows())
    assert found.rows == sum(row not in known for row in asked)
    assert found.rows + found.known == len(asked)
    assert min(found.rows, found.known) > 5


def test_where_each_row_is_known_other_rows_are_asked_for(assay: Assay) -> None:
    other = learnt_from(assay, sides(assay, tiny.ROUGH)[0])
    said = r"One of the versions 2 and 4 has learnt from each of the 48 rows held out; name other rows with --data\."
    with pytest.raises(DataInvalid, match=said):
        compare(assay, assay.application.model(None), tiny.ROUGH, other)


def test_other_rows_are_all_judged_on_and_known_ones_counted(assay: Assay, tmp_path: Path) -> None:
    model = assay.application.model(None)
    own = assay.application.own_rows()
    own.head(100).write_csv(tmp_path / "some.csv")
    found = compare(assay, model, 1, 2, tmp_path / "some.csv")
    assert (found.rows, found.source) == (100, str(tmp_path / "some.csv"))
    assert 50 < found.known < 100
    own.tail(50).write_csv(tmp_path / "last.csv")
    assert compare(assay, model, 1, 2, tmp_path / "last.csv").set_aside == 2


def test_versions_that_cannot_answer_are_refused(assay: Assay) -> None:
    model = assay.application.model(None)
    with pytest.raises(VersionNotFound):
        compare(assay, model, 1, 99)
    with pytest.raises(VersionRejected, match="failed in training"):
        compare(assay, model, tiny.BROKEN, 1)
    model = replace(model, target="worth")
    with pytest.raises(VersionRejected, match=r"Version 1 cannot be compared: it answers with 'price'"):
        compare(assay, model, 1, 2)


@pytest.mark.parametrize(
    ("metric", "bounds", "rows", "said"),
    [
        ("mae", (-3.0, -2.0, -1.0), 20, "better"), ("mae", (1.0, 2.0, 3.0), 20, "worse"), ("r2", (0.1, 0.2, 0.3), 20, "better"),
        ("r2", (-0.3, -0.2, -0.1), 99, "worse"), ("mae", (-1.0, 2.0, 3.0), 99, "unclear"), ("mae", (0.0, 2.0, 3.0), 99, "unclear"),
        ("mae", (1.0, 2.0, 3.0), 19, "too few rows"), ("mae", (0.0, 0.0, 0.0), 3, "the same"),
    ],
)  # fmt: skip
def test_the_word_follows_from_the_interval(
    metric: str, bounds: tuple[float, float, float], rows: int, said: str
) -> None:
    low, value, high = bounds
    assert standing(metric, rows, Difference(value=value, low=low, high=high, better=np.nan)) == said


def test_versions_that_answer_with_labels_are_compared_by_every_metric_that_they_have(tmp_path: Path) -> None:
    draw = np.random.default_rng(5)
    size, kind = draw.normal(0, 1, 400), draw.choice(["a", "b"], 400)
    big = draw.random(400) < 1 / (1 + np.exp(-3 * size))
    (tmp_path / "model.py").write_text(NAMED)
    rows = tmp_path / "rows.csv"
    told = [json.dumps(["big"] if one else []) for one in big]
    pl.DataFrame({"size": size, "kind": kind, "labels": told}).write_csv(rows)
    with closing(Assay.at(tmp_path, home=tmp_path / "home")) as opened:
        model = opened.application.model(None)
        assert [one.error for one in opened.train(model, rows, Plan(promote=False)).versions] == ["", ""]
        known, guessed = sorted(opened.versions.all("thing"), key=lambda one: one.recipe)
        found = compare(opened, model, guessed.number, known.number)
        assert found.metrics.keys() == known.metrics.keys()
        assert found.metrics["ndcg_at_10"].second_is == "the same", "of one label each ranking is as good"
        assert found.metrics["average_precision"].second_is == "better"
        assert found.metrics["calibration_error"].rows == found.rows
