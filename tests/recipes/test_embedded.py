"""Labels from embedded words: drawn as a graph, stored and asked without the framework that they are learnt with."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.base import clone

import assay
from assay.measures.confidences import metrics
from assay.recipes import EmbeddedLabels
from assay.recipes.embedded import INSTALL
from assay.recipes.words import STEP
from assay.serving.engines.compile import compile_pipeline, prove
from assay.store.files.formats import dump_pipeline, load_pipeline

ABSENT = find_spec("tensorflow") is None or find_spec("keras") is None
WORDS = [f"word{n}" for n in range(40)]
LABELS = ("sea", "sky", "never", "always", "rare")
ASKED = """
import sys


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("keras", "tensorflow"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name.partition(".")[0])


sys.meta_path.insert(0, Absent())
import numpy as np
import polars as pl
from assay.recipes import EmbeddedLabels
from assay.store.files.formats import load_pipeline
asked = pl.read_parquet(sys.argv[2])
np.save(sys.argv[3], load_pipeline(open(sys.argv[1], "rb").read(), ()).predict_proba(asked))
try:
    EmbeddedLabels("read").fit(asked, np.ones((len(asked), 1), bool))
except ModuleNotFoundError as missing:
    print(missing)
assert not {"keras", "tensorflow"} & set(sys.modules)
"""


class Reader(assay.Input):
    """Somebody who reads."""

    kind: str = assay.Category("old", "young")
    read: str = assay.Text()


MODEL = assay.Model("reader", input=Reader, target="likes", labels=LABELS, metric="average_precision")


def given(beside: tuple[str, ...] = ("kind",)) -> EmbeddedLabels:
    """As it is after fitting, with weights that were drawn."""
    draw, made = np.random.default_rng(4), EmbeddedLabels("read", beside, widths=(9, 8, 6))
    made.places_ = {word: place for place, word in enumerate(WORDS)}
    made.values_ = {name: ["old", "young"] for name in beside}
    made.words_ = np.round(draw.normal(size=(len(WORDS), 9)) * STEP).astype(np.int64)
    made.beside_ = {name: draw.normal(size=(2, 9)).astype(np.float32) for name in beside}
    widths = (9 * (1 + len(beside)), 8, 6, len(LABELS))
    made.layers_ = [
        (draw.normal(size=(inward, outward)).astype(np.float32), draw.normal(size=outward).astype(np.float32))
        for inward, outward in pairwise(widths)
    ]
    return made


def asked(count: int = 300) -> pl.DataFrame:
    draw = np.random.default_rng(5)
    texts = ["  ".join(draw.choice([*WORDS, "unknown"], int(draw.integers(0, 30)))) for _ in range(count)]
    strange = ["", "unknown", "word1\tword2 \u00a0word3", "x" * 500]
    kinds = [str(one) for one in draw.choice(["old", "young"], count + len(strange))]
    return pl.DataFrame({"kind": kinds, "read": [*strange, *texts]})


def rows(count: int = 600) -> tuple[pl.DataFrame, Any]:
    """Readers of the sea, the sky or both; the old like the sea more."""
    draw = np.random.default_rng(3)
    kind = draw.choice(["old", "young"], count)
    truth = np.stack([draw.random(count) < np.where(kind == "old", 0.8, 0.2), draw.random(count) < 0.5], axis=1)
    own = [["Wave,", "wave", "Tide", "shore"], ["cloud", "Cloud", "wind!", "star"]]
    texts = []
    for one in truth:
        about = [word for place, there in enumerate(one) if there for word in draw.choice(own[place], 3)]
        texts.append(" ".join(draw.permutation([*about, *draw.choice(["and", "the", "of"], 4)])))
    for row in range(0, count, 20):
        texts[row] = ""
    more = np.stack([np.zeros(count, bool), np.ones(count, bool), draw.random(count) < 0.1], axis=1)
    return pl.DataFrame({"kind": kind, "read": texts}), np.concatenate([truth, more], axis=1)


def test_it_takes_its_settings_as_scikit_learn_does() -> None:
    made = clone(EmbeddedLabels("read", ("kind",), passes=2)).set_params(seed=7)
    assert (made.text, made.beside, made.most, made.widths) == ("read", ("kind",), 20_000, (124, 128, 64))
    assert (made.passes, made.seed) == (2, 7)


def test_a_text_is_the_mean_of_its_known_words_then_rectified_layers_then_logits() -> None:
    made = given(beside=())
    told = made.predict_proba(pl.DataFrame({"kind": ["old"], "read": ["word3 unknown word3 word7"]}))
    found = (2 * made.words_[3] + made.words_[7]) / (3 * STEP)
    for weights, bias in made.layers_[:-1]:
        found = np.maximum(found @ weights + bias, 0)
    logits = found @ made.layers_[-1][0] + made.layers_[-1][1]
    assert told == pytest.approx(1 / (1 + np.exp(-logits.reshape(1, -1))), abs=1e-12)


@pytest.mark.parametrize("beside", [(), ("kind",)])
def test_its_graph_answers_as_the_arrays_do_and_the_same_alone_and_among_others(beside: tuple[str, ...]) -> None:
    made = given(beside)
    proof = prove(compile_pipeline(made, MODEL.contract), made, asked(), MODEL.contract)
    assert proof.batch_invariant and proof.max_difference < 1e-5


def test_a_text_without_a_known_word_is_answered_by_what_stands_beside_it() -> None:
    texts: list[str | None] = ["", "unknown words", None, "None"]
    told = given().predict_proba(pl.DataFrame({"kind": [*["old"] * 4, "young", None], "read": [*texts, "", ""]}))
    assert np.isfinite(told).all() and (told[:4] == told[0]).all()
    assert not np.array_equal(told[0], told[4]) and not np.array_equal(told[4], told[5])


def test_it_is_stored_and_asked_without_the_framework_which_to_fit_it_names(tmp_path: Path) -> None:
    made = given()
    stored = dump_pipeline(made, ())
    assert np.array_equal(load_pipeline(stored, ()).predict_proba(asked()), made.predict_proba(asked()))
    (tmp_path / "kept").write_bytes(stored)
    asked().write_parquet(tmp_path / "asked")
    files = [str(tmp_path / name) for name in ("kept", "asked", "told.npy")]
    said = subprocess.run(
        [sys.executable, "-c", ASKED, *files], check=True, timeout=120, capture_output=True, text=True
    ).stdout
    assert said.strip() == INSTALL
    assert np.array_equal(np.load(tmp_path / "told.npy"), made.predict_proba(asked()))


@pytest.mark.skipif(ABSENT, reason="TensorFlow is not installed")
def test_it_learns_the_same_from_the_same_and_its_graph_is_proved() -> None:
    questions, truth = rows()
    fitted, again, other = (
        EmbeddedLabels("read", ("kind",), widths=(16, 16, 8), passes=10, seed=seed).fit(questions, truth)
        for seed in (1, 1, 2)
    )
    told = fitted.predict_proba(questions)
    found = metrics(truth[:, :2], told[:, :2], LABELS[:2], 0.5)
    assert found["average_precision"] > 0.95, found
    assert (told[:, 2] < 0.1).all() and (told[:, 3] > 0.9).all(), "what nobody or everybody has is told, too"
    old, young = (told[(questions["kind"] == kind) & (questions["read"] == "")][0, 0] for kind in ("old", "young"))
    assert old > young
    assert np.array_equal(told, again.predict_proba(questions))
    assert not np.array_equal(told, other.predict_proba(questions))
    proof = prove(compile_pipeline(fitted, MODEL.contract), fitted, questions, MODEL.contract)
    assert proof.batch_invariant and proof.max_difference < 1e-5
    assert dump_pipeline(fitted, ()) and fitted.words_.dtype == np.int64


@pytest.mark.skipif(ABSENT, reason="TensorFlow is not installed")
def test_texts_without_a_word_that_is_there_twice_are_learnt_from_nonetheless() -> None:
    questions = pl.DataFrame({"kind": ["old", "young"] * 20, "read": ["", None] * 20})
    truth = np.tile([[True], [False]], (20, 1))
    told = EmbeddedLabels("read", ("kind",), widths=(8, 8), passes=60).fit(questions, truth).predict_proba(questions)
    assert told[0, 0] > 0.8 > 0.2 > told[1, 0]
