"""A yes or no is the logistic function of a logit, natively and as a graph, whatever the estimator behind it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBRegressor

import assay
from assay.domain.question.contract import Contract
from assay.recipes import Network, ordinal, yes_or_no
from assay.serving.engines.compile import compile_pipeline, prove
from assay.store.files.formats import dump_pipeline, load_pipeline


class Report(assay.Input):
    kind: str = assay.Category("a", "b")
    length: float = assay.Number()
    matches: int | None = assay.Integer(nullable=True)


def made(count: int = 600) -> tuple[pl.DataFrame, Any]:
    """Rows whose label follows from length and kind, with some chance."""
    draw = np.random.default_rng(3)
    kind, length = draw.choice(["a", "b"], count), draw.normal(0, 1, count)
    matches = pl.Series(draw.integers(0, 9, count)).replace(0, None)
    truth = draw.random(count) < 1 / (1 + np.exp(-(2 * length + (kind == "b"))))
    return pl.DataFrame({"kind": kind, "length": length, "matches": matches}), truth[:, None]


def contract() -> Contract:
    return assay.Model("report", input=Report, target="said", labels=("yes",), metric="f1").contract


def trees() -> Any:
    return XGBRegressor(objective="binary:logitraw", n_estimators=60, max_depth=3, base_score=0.0, n_jobs=1)


def layers() -> Any:
    return make_pipeline(StandardScaler(), Network(hidden=(12, 6), most_steps=200, seed=1))


def chosen(kind: str) -> Any:
    if kind == "trees":
        return yes_or_no(make_pipeline(ordinal(Report), trees()))
    return yes_or_no(make_pipeline(ordinal(Report, ["kind", "length"]), layers()))


@pytest.mark.parametrize("kind", ["trees", "layers"])
def test_the_confidence_is_one_column_in_0_to_1_and_follows_the_truth(kind: str) -> None:
    rows, truth = made()
    told = chosen(kind).fit(rows, truth).predict_proba(rows)
    assert told.shape == (600, 1)
    assert ((told >= 0) & (told <= 1)).all()
    assert told[truth].mean() > told[~truth].mean() + 0.1


@pytest.mark.parametrize("kind", ["trees", "layers"])
def test_the_graph_says_the_same_alone_and_among_others(kind: str) -> None:
    rows, truth = made()
    fitted = chosen(kind).fit(rows, truth)
    proof = prove(compile_pipeline(fitted, contract()), fitted, rows, contract())
    assert proof.rows == 600
    assert proof.max_difference < 1e-5
    assert proof.batch_invariant


@pytest.mark.parametrize("kind", ["trees", "layers"])
def test_it_is_stored_without_pickle_and_answers_the_same(kind: str) -> None:
    rows, truth = made()
    fitted = chosen(kind).fit(rows, truth)
    again = load_pipeline(dump_pipeline(fitted, ()), ())
    assert again.predict_proba(rows).tobytes() == fitted.predict_proba(rows).tobytes()


def test_the_network_is_that_of_scikit_learn() -> None:
    rows, truth = made()
    asked = rows[["length"]].to_numpy()
    ours = Network(hidden=(8,), most_steps=30, seed=5).fit(asked, truth[:, 0])
    theirs = MLPClassifier(
        (8,), alpha=1e-3, max_iter=30, early_stopping=True, n_iter_no_change=12, tol=1e-5, random_state=5
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs.fit(asked, truth[:, 0])
    assert 1 / (1 + np.exp(-ours.predict(asked))) == pytest.approx(theirs.predict_proba(asked)[:, 1])


def test_more_labels_than_one_are_refused() -> None:
    rows, truth = made()
    with pytest.raises(ValueError, match="there are 2"):
        yes_or_no(trees()).fit(rows, np.hstack([truth, truth]))
