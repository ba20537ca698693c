"""Labels from embedded words: a small network over the mean of a text's words, trained with Keras and asked without it."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from onnx import TensorProto
from scipy.special import expit
from sklearn.base import BaseEstimator

from assay.recipes.words import STEP, Draft, counted, flags, ids, vocabulary

INSTALL = "The embedded recipe is trained with Keras and TensorFlow, which are not installed: pip install 'assay[tensorflow]'."
ABSENT = frozenset({"keras", "tensorflow"})


class EmbeddedLabels(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """How surely each label belongs to a text and the words beside it; draws its own graph.

    `text` is the field that holds the text, `beside` fields of single words (categories, grades). The mean of the embedded
    words of the text and an embedding of each field beside it go through rectified layers; what comes out is one logit a
    label. `widths` are those of the embedding and of each layer. At most `most` words are learnt, and those that are not
    known count for nothing: a text without any is answered by what stands beside it. `passes` is how often all rows are
    seen, and `seed` decides everything.

    After fitting only arrays are kept: `words_` int64 [words, width], in units of 2**-24; `beside_` float32 [values, width]
    by field; `layers_`, pairs of float32 [inputs, outputs] and [outputs].
    """

    def __init__(
        self,
        text: str,
        beside: tuple[str, ...] = (),
        *,
        most: int = 20_000,
        widths: tuple[int, ...] = (124, 128, 64),
        passes: int = 8,
        seed: int = 42,
    ) -> None:
        self.text = text
        self.beside = beside
        self.most = most
        self.widths = widths
        self.passes = passes
        self.seed = seed

    def fit(self, asked: pl.DataFrame, truth: NDArray[np.bool_]) -> Self:
        """Learns from a frame of the raw columns and bool [n, labels].

        Raises ModuleNotFoundError, which says what to install, where there is no Keras or no TensorFlow.
        """
        try:
            from assay.recipes import embedded_training  # noqa: PLC0415 - an optional extra, which answering does not need
        except ModuleNotFoundError as missing:
            if missing.name not in ABSENT:
                raise
            raise ModuleNotFoundError(INSTALL, name=missing.name) from None
        texts = asked[self.text].to_list()
        self.places_ = vocabulary(texts, self.most)
        self.values_ = {name: sorted(asked[name].drop_nulls().unique().to_list()) for name in self.beside}
        found = embedded_training.learnt(
            [ids(text, self.places_) for text in texts],
            [flags(asked[name].to_list(), self.values_[name]).astype(np.float32) for name in self.beside],
            np.asarray(truth, bool),
            embedded_training.Order(widths=self.widths, passes=self.passes, seed=self.seed),
        )
        size = len(set(self.places_.values()))
        self.words_ = np.round(found.words[:size].astype(np.float64) * STEP).astype(np.int64)
        self.beside_ = dict(zip(self.beside, found.beside, strict=True))
        self.layers_ = found.layers
        return self

    def predict_proba(self, asked: pl.DataFrame) -> NDArray[np.float64]:
        """float64 [n, labels], in [0, 1]."""
        counts = counted(asked[self.text].to_list(), self.places_, len(self.words_))
        known = np.asarray(counts.sum(axis=1)).reshape(-1, 1)
        parts = [(counts @ self.words_) / (np.maximum(known, 1) * STEP)]
        parts += [flags(asked[name].to_list(), self.values_[name]) @ self.beside_[name] for name in self.beside]
        found = np.concatenate(parts, axis=1)
        *inner, (weights, bias) = self.layers_
        for inward, shift in inner:
            found = np.maximum(found @ inward + shift, 0.0)
        confident: NDArray[np.float64] = expit(found @ weights + bias)
        return confident

    def onnx_graph(self, contract: Any) -> Any:
        """Texts in, float32 [n, labels] out; words are summed as whole numbers, and layers computed row by row."""
        draft = Draft(contract)
        table = np.zeros((len(self.words_) + 1, self.words_.shape[1] + 1), np.int64)
        table[:-1, :-1], table[:-1, -1] = self.words_, 1  # the last column counts the words that are known
        sums = draft.summed(self.text, self.places_, table)
        split = draft.constant(np.array([self.words_.shape[1], 1], np.int64))
        embedded, count = draft.node("Split", [sums, split], outputs=2, axis=1)
        known = draft.node("Max", [*draft.double(count), draft.constant(np.float64(1))])
        scale = draft.node("Mul", [*known, draft.constant(np.float64(STEP))])
        parts = draft.node("Div", [*draft.double(embedded), *scale])
        parts += [
            draft.flagged(name, self.values_[name], self.beside_[name].astype(np.float64)) for name in self.beside
        ]
        found = draft.node("Cast", draft.node("Concat", parts, axis=1), to=TensorProto.FLOAT)
        logits = self._layers(draft, found)
        return draft.model(draft.node("Sigmoid", draft.double(*logits)), len(self.layers_[-1][1]))

    def _layers(self, draft: Draft, given: list[str]) -> list[str]:
        """Convolutions over a single place: unlike a product of matrices, they round a row alike in every batch."""
        places = draft.constant(np.array([2, 3], np.int64))
        found = draft.node("Unsqueeze", [*given, places])
        for place, (weights, bias) in enumerate(self.layers_):
            filters = np.ascontiguousarray(weights.T)[:, :, None, None]
            found = draft.node("Conv", [*found, draft.constant(filters), draft.constant(bias)])
            if place + 1 < len(self.layers_):
                found = draft.node("Relu", found)
        return draft.node("Squeeze", [*found, places])
