"""A run trains every recipe on one snapshot, keeps what became of each, and asks once who is to answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeRegressor

import assay
from assay.domain.question.field import Field
from assay.domain.recipe import Recipe
from assay.domain.releases.rollout import Rollout
from assay.domain.version import Version, ranked
from assay.errors import ApplicationInvalid, DataInvalid
from assay.recipes import ordinal
from assay.store.work.trials import KeptTrial
from assay.training.run import Plan, Run, chosen, run
from assay.training.snapshot import Known, Snapshot, Whole
from assay.training.train import Failed, Fitted, draft_version
from tests import rows as made


class Stone(assay.Input):
    carat: float = assay.Number(above=0)


def stone() -> assay.Model[Stone]:
    model = assay.Model("stone", input=Stone, target="price", segments={"carat": [0, 1]})

    @model.recipe
    def constant() -> Any:
        return DummyRegressor()

    @model.recipe
    def linear() -> Any:
        return make_pipeline(ordinal(Stone), LinearRegression())

    @model.recipe
    def broken() -> Any:
        raise RuntimeError("out of order")

    @model.recipe(trials=3)
    def tuned(trial: Any) -> Any:
        return make_pipeline(
            ordinal(Stone), DecisionTreeRegressor(max_depth=trial.suggest_int("depth", 1, 2), random_state=0)
        )

    @model.clean
    def paid(rows: pl.DataFrame) -> pl.Series:
        return rows["price"] > 0

    return model


CARAT = np.linspace(0.2, 3, 100)
ROWS = pl.DataFrame({"carat": CARAT, "price": 1000 * CARAT + 10, "note": ["unused"] * 100}).with_columns(
    price=pl.when(pl.int_range(100) < 4).then(0).otherwise(pl.col("price"))
)


class Forgetful:
    """Knows no trial and keeps none."""

    def known(self) -> list[KeptTrial]:
        """Nothing."""
        return []

    def keep(self, trial: KeptTrial) -> None:
        """Forgets it."""


class Kept:
    """Keeps in memory what an application would keep in its home, and notes the order."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.parts: list[tuple[int, int]] = []
        self.asked: list[Any] = []
        self.before: Known | None = None
        self.ended: list[tuple[str, str]] = []
        self.made: dict[str, Version] = {}

    def keep_snapshot(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot, with the file in which the removed rows are."""
        self.steps.append("snapshot")
        return replace(snapshot, dataset=msgspec.structs.replace(snapshot.dataset, removed_file="ab" * 32))

    def keep_failed(self, draft: Version, snapshot: Snapshot) -> Version:
        """The draft with a number."""
        return self._keep("failed", draft)

    def keep_fitted(
        self, draft: Version, fitted: Fitted, snapshot: Snapshot, train: pl.DataFrame, test: pl.DataFrame
    ) -> Version:
        """The draft with a number."""
        self.parts.append((train.height, test.height))
        return self._keep("fitted", draft)

    def known(self) -> Known | None:
        """What was learnt from before, if the test says so."""
        return self.before

    def hear(self, digest: str, field: Field) -> NDArray[np.float32]:
        """Nothing here is a recording."""
        raise AssertionError(digest)

    def connect(self, estimator: Any) -> None:
        """Nothing here asks anybody."""

    def learnt(self, dataset: str, code: str) -> bool:
        """Whether a run has ended on these rows."""
        return (dataset, code) in self.ended

    def begun(self, recipe: Recipe, dataset: str, code: str) -> Version | None:
        """What a run that was cut off has made, if the test says so."""
        return self.made.get(recipe.name)

    def end(self, dataset: str, code: str) -> None:
        """Remembers it."""
        self.ended.append((dataset, code))

    def memory(self, recipe: Recipe, facts: dict[str, Any]) -> Forgetful:
        """None."""
        return Forgetful()

    def promote(self, candidates: list[Version]) -> Rollout | str:
        """The first candidate."""
        self.asked.append([one.recipe for one in candidates])
        return made.rollout(candidates[0].number)

    def _keep(self, what: str, draft: Version) -> Version:
        self.steps.append(f"{what} {draft.recipe}")
        return msgspec.structs.replace(draft, number=len(self.steps) - 1)


def trained(kept: Kept, **told: Any) -> Run:
    return run(stone(), ROWS, source="here", keeping=kept, plan=Plan(**told))


def test_every_recipe_is_kept_in_its_order_failed_ones_too() -> None:
    kept = Kept()
    done = trained(kept)
    assert kept.steps == ["snapshot", "fitted constant", "fitted linear", "failed broken", "fitted tuned"]
    assert (done.model, done.source, done.rows, done.train_rows + done.test_rows) == ("stone", "here", 96, 96)
    assert set(kept.parts) == {(done.train_rows, done.test_rows)}  # all judged on the same rows
    assert {one.dataset for one in done.versions} == {done.dataset}


def test_the_best_comes_first_and_what_failed_last_with_its_reason() -> None:
    done = trained(Kept())
    assert done.versions[0].recipe == "linear"
    assert done.versions[-1].recipe == "broken"
    assert done.versions[0].metrics["mae"] == pytest.approx(0, abs=1e-6)
    failed = done.versions[-1]
    assert (failed.status, failed.metrics, failed.segments) == ("failed", {}, {})
    assert "out of order" in failed.error
    ready = done.versions[0]
    assert ready.code_digest == failed.code_digest != ""
    assert ready.libraries["python"]
    assert set(ready.segments)


def test_rows_that_were_removed_are_counted_and_their_file_is_named() -> None:
    done = trained(Kept())
    assert len(done.removed) == 4
    assert done.removed_file == "ab" * 32
    assert done.dropped == ("note",)


def test_who_answers_is_asked_once_about_every_recipe_or_not_at_all() -> None:
    kept = Kept()
    done = trained(kept)
    assert kept.asked == [["constant", "linear", "broken", "tuned"]]
    assert done.rollout is not None
    silent = Kept()
    assert trained(silent, promote=False).rollout is None
    assert silent.asked == []


def test_a_plan_may_name_recipes_and_trials() -> None:
    heard: list[tuple[str, int, int]] = []
    done = trained(Kept(), only=("tuned", "constant"), trials=2, progress=lambda *told: heard.append(told))
    assert {one.recipe for one in done.versions} == {"constant", "tuned"}
    assert heard[:2] == [("constant", 0, 1), ("constant", 1, 1)]
    assert next(told for told in heard if told[0] == "tuned") == ("tuned", 0, 2)
    assert heard[-1] == ("tuned", 2, 2)


def test_without_a_number_of_trials_a_recipe_has_its_own() -> None:
    heard: list[tuple[str, int, int]] = []
    trained(Kept(), only=("tuned",), progress=lambda *told: heard.append(told))
    assert {of for _, _, of in heard} == {3}


def test_a_recipe_that_is_not_there_is_named_before_anything_is_kept() -> None:
    kept = Kept()
    with pytest.raises(ApplicationInvalid, match="no recipe cubic; it has constant, linear, broken, tuned"):
        trained(kept, only=("linear", "cubic"))
    assert kept.steps == []


def test_rows_that_cannot_be_used_are_refused_before_anything_is_fitted() -> None:
    kept = Kept()
    with pytest.raises(DataInvalid):
        run(stone(), ROWS.drop("price"), source="here", keeping=kept, plan=Plan())
    assert kept.steps == []


def test_a_model_without_recipes_cannot_be_trained() -> None:
    with pytest.raises(ApplicationInvalid, match="none"):
        chosen(assay.Model("empty", input=Stone, target="price"), ())


@pytest.mark.parametrize(("metric", "best"), [("mae", 1), ("r2", 2)])
def test_ranking_follows_the_direction_of_the_metric(metric: str, best: int) -> None:
    one = made.version(number=1, metrics={"mae": 1.0, "r2": 0.1})
    other = made.version(number=2, metrics={"mae": 2.0, "r2": 0.9})
    failed = made.version(number=3, status="failed", metrics={})
    found = [version.number for version in ranked([failed, other, one], metric)]
    assert found == [best, 3 - best, 3]


def test_a_draft_of_a_failure_has_no_figures() -> None:
    failed = Failed(recipe="r", parameters={"depth": 2}, seed=1, train_rows=8, test_rows=2, took_ms=3, error="why")
    draft = draft_version("stone", failed, {"code_digest": "c", "libraries": {}, "dataset": "d"})
    assert (draft.number, draft.status, draft.error, draft.metrics) == (0, "failed", "why", {})
    assert (draft.parameters, draft.seed, draft.train_rows, draft.test_rows, draft.took_ms) == (
        {"depth": 2},
        1,
        8,
        2,
        3,
    )


def test_rows_that_a_run_has_been_through_to_its_end_are_not_learnt_from_again_unless_told_to() -> None:
    kept = Kept()
    first = trained(kept)
    assert [dataset for dataset, _ in kept.ended] == [first.dataset]
    steps = len(kept.steps)
    done = trained(kept, again=False)
    assert (done.versions, kept.steps[steps:], len(kept.asked)) == ([], [], 1)
    assert "no rows that were not learnt from" in done.unchanged
    assert done.dataset == first.dataset
    assert trained(kept, only=("linear",)).versions


def test_a_run_that_was_cut_off_is_gone_on_with_and_judged() -> None:
    kept = Kept()
    kept.made = {"constant": made.version(number=7, recipe="constant")}  # and nothing ended
    done = trained(kept, again=False)
    assert "fitted constant" not in kept.steps
    assert {one.recipe for one in done.versions} == {"constant", "linear", "broken", "tuned"}
    assert kept.asked == [["constant", "linear", "broken", "tuned"]]
    assert len(kept.ended) == 1


def test_a_run_of_some_recipes_is_no_end() -> None:
    kept = Kept()
    trained(kept, only=("linear",))
    assert kept.ended == []


def test_hyper_parameters_are_those_of_one_recipe() -> None:
    kept = Kept()
    with pytest.raises(ApplicationInvalid, match="belong to one recipe"):
        trained(kept, parameters={"depth": 2})
    assert kept.steps == []
    done = trained(kept, only=("tuned",), parameters={"depth": 2})
    assert done.versions[0].parameters == {"depth": 2}


def test_what_became_of_each_part_is_told() -> None:
    parts = [Whole("one", ROWS.head(50)), Whole("two", ROWS.tail(50)), Whole("three", pl.DataFrame(), "it is torn")]
    done = run(stone(), parts, source="here", keeping=Kept(), plan=Plan(only=("linear",)))
    assert [(part.name, part.rows, bool(part.refused)) for part in done.parts] == [
        ("one", 50, False), ("two", 50, False), ("three", 0, True),
    ]  # fmt: skip
