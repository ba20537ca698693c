"""Labels from words: learnt, drawn as a graph, and told alike alone and among others, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

import assay
from assay.measures.confidences import metrics
from assay.recipes import WordLabels
from assay.recipes.words import ids, vocabulary
from assay.serving.engines.compile import compile_pipeline, prove
from assay.store.files.formats import dump_pipeline, load_pipeline


class Reader(assay.Input):
    """Somebody who reads."""

    kind: str = assay.Category("old", "young")
    read: str = assay.Text()


LABELS = ("sea", "sky", "never", "always")
MODEL = assay.Model("reader", input=Reader, target="likes", labels=LABELS, metric="average_precision")


def rows(count: int = 400) -> tuple[pl.DataFrame, Any]:
    """Readers of the sea, the sky or both; the old like the sea more."""
    draw = np.random.default_rng(3)
    kind = draw.choice(["old", "young"], count)
    truth = np.stack([draw.random(count) < np.where(kind == "old", 0.7, 0.3), draw.random(count) < 0.5], axis=1)
    own = [["Wave,", "wave", "Tide", "shore"], ["cloud", "Cloud", "wind!", "star"]]
    texts = []
    for one in truth:
        about = [word for place, there in enumerate(one) if there for word in draw.choice(own[place], 3)]
        texts.append("  ".join(draw.permutation([*about, *draw.choice(["and", "the", "of"], 4)])))
    texts[0] = ""
    whole = np.concatenate([truth, np.zeros((count, 1), bool), np.ones((count, 1), bool)], axis=1)
    return pl.DataFrame({"kind": kind, "read": texts}), whole


@pytest.fixture(scope="module")
def fitted() -> Any:
    asked, truth = rows()
    return WordLabels("read", beside=("kind",), strength=10.0).fit(asked, truth)


def test_words_tell_the_labels(fitted: Any) -> None:
    asked, truth = rows()
    told = fitted.predict_proba(asked)
    found = metrics(truth[:, :2], told[:, :2], LABELS[:2], 0.5)
    assert found["average_precision"] > 0.95 and found["calibration_error"] < 0.05
    assert (told[:, 2] < 0.05).all() and (told[:, 3] > 0.95).all(), "what nobody or everybody has is told, too"


def test_case_and_punctuation_count_for_nothing_where_they_were_seen() -> None:
    places = vocabulary(["Wave, wave", "wave tide", "TIDE", "once"], most=10)
    assert places == {"wave": 1, "Wave,": 1, "tide": 0, "TIDE": 0}
    assert ids("Wave, the tide  wave", places) == [1, 0, 1]
    assert ids(None, places) == []
    assert set(vocabulary(["a b", "a b", "a"], most=1)) == {"a"}


def test_its_graph_answers_the_same_alone_and_among_others(fitted: Any) -> None:
    asked, _ = rows()
    graph = compile_pipeline(fitted, MODEL.contract)
    strange = pl.DataFrame({"kind": ["old", "young"], "read": ["tide\ttide \u00a0wave", "x" * 500]})
    proof = prove(graph, fitted, pl.concat([asked, strange]), MODEL.contract)
    assert proof.batch_invariant and proof.max_difference < 1e-7


def test_it_is_stored_and_read_again(fitted: Any) -> None:
    asked, _ = rows()
    again = load_pipeline(dump_pipeline(fitted, ()), ())
    assert np.array_equal(again.predict_proba(asked), fitted.predict_proba(asked))


def test_the_same_rows_learn_the_same(fitted: Any) -> None:
    again = WordLabels("read", beside=("kind",), strength=10.0).fit(*rows())
    assert np.array_equal(again.words_, fitted.words_) and np.array_equal(again.bias_, fitted.bias_)
