"""A compiled pipeline gives the pipeline's own answers, and one that does not is never accepted."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import polars as pl
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor, VotingRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from xgboost import XGBRegressor

import assay
from assay.domain.question.contract import Contract
from assay.errors import NotCompilable
from assay.recipes import Derive, in_stages, on_log_target, one_hot, ordinal
from assay.serving.engines.compile import compile_pipeline, prove


class Stone(assay.Input):
    carat: float = assay.Number(above=0)
    cut: str = assay.Grade("Fair", "Good", "Ideal")
    color: str = assay.Category(*"DEF")
    certificates: int = assay.Integer(at_least=0)
    insured: bool = assay.Boolean()
    x: float = assay.Number(at_least=0)
    z: float = assay.Number(at_least=0)


CONTRACT = assay.Model("stone", input=Stone, target="price").contract
WORDS, NUMBERS = ["cut", "color"], ["carat", "certificates", "x", "z"]
SIZES = {"volume": "x * x * z", "density": "carat / (x * x * z)", "worth": "carat * (cut + 1) - -2"}


def stones(count: int = 800) -> pl.DataFrame:
    draw = np.random.default_rng(7)
    carat = draw.uniform(0.2, 3, count).round(2)
    return pl.DataFrame(
        {
            "carat": carat,
            "cut": draw.choice(["Fair", "Good", "Ideal"], count),
            "color": draw.choice(list("DEF"), count),
            "certificates": draw.integers(0, 4, count),
            "insured": draw.random(count) < 0.5,
            "x": (6.5 * np.cbrt(carat)).round(2),
            "z": np.where(draw.random(count) < 0.05, 0, (4.1 * np.cbrt(carat)).round(2)),
        }
    )


ROWS = stones()
NOISE = np.random.default_rng(8).normal(0, 0.1, ROWS.height)
PRICE = np.exp(8 + 1.6 * np.log(ROWS["carat"].to_numpy()) + 0.2 * (ROWS["cut"] == "Ideal").to_numpy() + NOISE)


def trees(**told: Any) -> Any:
    return XGBRegressor(n_estimators=60, max_depth=4, n_jobs=1, random_state=0, **told)


def columns(words: Any, numbers: Any) -> Any:
    return ColumnTransformer([("words", words, WORDS), ("numbers", numbers, NUMBERS)])


PIPELINES = {
    "linear": make_pipeline(one_hot(Stone), LinearRegression()),
    "positive": on_log_target(make_pipeline(one_hot(Stone, ["carat", "cut"]), LinearRegression(positive=True))),
    "scaled": make_pipeline(columns(OneHotEncoder(sparse_output=False), StandardScaler()), Ridge()),
    "codes": make_pipeline(
        columns(OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), "passthrough"), trees()
    ),
    "absolute": make_pipeline(ordinal(Stone), trees(objective="reg:absoluteerror")),
    "derived": on_log_target(make_pipeline(ordinal(Stone, derive=SIZES, keep=["carat", "cut"]), trees())),
    "derived-inside": make_pipeline(
        ColumnTransformer([("all", "passthrough", NUMBERS), ("sizes", Derive({"v": "x * z"}), ["x", "z"])]), trees()
    ),
    "log-last": make_pipeline(ordinal(Stone), on_log_target(trees())),
    "vote": make_pipeline(
        ordinal(Stone),
        VotingRegressor([("a", trees(objective="reg:absoluteerror")), ("b", trees())], weights=[1, 3]),
    ),
    "vote-of-pipelines": VotingRegressor(
        [("a", on_log_target(make_pipeline(ordinal(Stone), trees()))), ("b", make_pipeline(one_hot(Stone), Ridge()))]
    ),
    "staged": on_log_target(
        in_stages(
            make_pipeline(ordinal(Stone, derive={"square": "carat * carat"}), Ridge()),
            make_pipeline(ordinal(Stone, derive=SIZES), trees(base_score=0.0)),
        )
    ),
    "forest": make_pipeline(ordinal(Stone), RandomForestRegressor(5, random_state=0)),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_a_compiled_pipeline_is_proved_equal_whatever_the_batch(name: str) -> None:
    fitted = PIPELINES[name].fit(ROWS, PRICE)
    proof = prove(compile_pipeline(fitted, CONTRACT), fitted, ROWS, CONTRACT)
    assert proof.rows == ROWS.height
    assert proof.max_difference <= proof.tolerance
    assert proof.batch_invariant


def test_trees_behind_a_scaler_convert_silently_wrong_and_are_refused_by_the_proof() -> None:
    scaled = columns(OrdinalEncoder(), StandardScaler())
    fitted = make_pipeline(scaled, XGBRegressor(n_estimators=200, max_depth=6, n_jobs=1)).fit(ROWS, PRICE)
    graph = compile_pipeline(fitted, CONTRACT)
    with pytest.raises(NotCompilable, match=r"disagrees with its pipeline in \d+ of 800 answers"):
        prove(graph, fitted, ROWS, CONTRACT)


def test_a_graph_of_another_fit_is_refused_by_the_proof() -> None:
    graph = compile_pipeline(PIPELINES["linear"].fit(ROWS, PRICE * 1.0001), CONTRACT)
    with pytest.raises(NotCompilable, match="disagrees"):
        prove(graph, PIPELINES["linear"].fit(ROWS, PRICE), ROWS, CONTRACT)


def test_a_graph_that_answers_with_no_number_is_refused_by_the_proof() -> None:
    fitted = PIPELINES["linear"].fit(ROWS, PRICE)
    broken = ROWS.with_columns(carat=pl.lit(1e39))
    with pytest.raises(NotCompilable, match="finite"):
        prove(compile_pipeline(fitted, CONTRACT), fitted, broken, CONTRACT)


def test_bytes_that_are_no_graph_and_graphs_that_ask_something_else_are_refused() -> None:
    fitted = PIPELINES["linear"].fit(ROWS, PRICE)
    with pytest.raises(NotCompilable, match="cannot be loaded"):
        prove(b"not a graph", fitted, ROWS, CONTRACT)
    model = onnx.load_from_string(compile_pipeline(fitted, CONTRACT))
    for node in model.graph.node:
        node.input[:] = ["weight" if name == "carat" else name for name in node.input]
    model.graph.input[0].name = "weight"
    with pytest.raises(NotCompilable, match="cannot be run"):
        prove(model.SerializeToString(), fitted, ROWS, CONTRACT)


class Unknown(LinearRegression):  # type: ignore[misc]  # scikit-learn publishes no types
    """An estimator that computes its answer in its own way."""

    def predict(self, rows: Any) -> Any:
        return super().predict(rows) + 1


@pytest.mark.parametrize(
    "last", [HistGradientBoostingRegressor(max_iter=3), XGBRegressor(n_estimators=3, booster="gblinear")]
)
def test_what_has_no_converter_is_refused_with_the_reason(last: Any) -> None:
    with pytest.raises(NotCompilable, match=r"cannot be compiled: ."):
        compile_pipeline(make_pipeline(ordinal(Stone), last).fit(ROWS, PRICE), CONTRACT)


def test_an_estimator_that_only_looks_like_a_linear_one_does_not_pass_the_proof() -> None:
    fitted = make_pipeline(one_hot(Stone), Unknown()).fit(ROWS, PRICE)
    with pytest.raises(NotCompilable):
        prove(compile_pipeline(fitted, CONTRACT), fitted, ROWS, CONTRACT)


def test_a_missing_number_is_answered_as_the_trees_answer_it() -> None:
    contract = Contract(
        model="stone", fields={"carat": CONTRACT.fields["carat"]}, target=CONTRACT.target, metric=CONTRACT.metric
    )
    rows = pl.DataFrame({"carat": [None if place % 7 == 0 else value for place, value in enumerate(ROWS["carat"])]})
    fitted = make_pipeline(ColumnTransformer([("all", "passthrough", ["carat"])]), trees()).fit(rows, PRICE)
    assert prove(compile_pipeline(fitted, contract), fitted, rows, contract).max_difference == 0
