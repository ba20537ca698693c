"""Labels from words: one logistic curve a label over the words of a text, summed exactly, so that no batch changes an answer."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from scipy.optimize import minimize
from scipy.sparse import csr_array, diags_array, hstack
from sklearn.base import BaseEstimator
from threadpoolctl import threadpool_limits

STEP = 2.0**24  # the weights' fixed point: sums of whole numbers are the same in every order
MOST_STEPS = 200
OPSET, ML_OPSET, IR = 20, 3, 9
NOTHING = "None"  # what an engine makes of a text that is null


class WordLabels(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """How surely each label belongs to a text and the words beside it; draws its own graph.

    `text` is the field that holds the text, `beside` fields of single words (categories, grades). At most `most` words are
    learnt. `strength` is the inverse of the penalty on weights.
    """

    def __init__(self, text: str, beside: tuple[str, ...] = (), most: int = 20_000, strength: float = 1.0) -> None:
        self.text = text
        self.beside = beside
        self.most = most
        self.strength = strength

    def fit(self, asked: pl.DataFrame, truth: NDArray[np.bool_]) -> Self:
        """Learns from a frame of the raw columns and bool [n, labels]."""
        self.places_ = vocabulary(asked[self.text].to_list(), self.most)
        self.size_ = len(set(self.places_.values()))
        self.values_ = {name: sorted(asked[name].drop_nulls().unique().to_list()) for name in self.beside}
        counts = self._counts(asked)
        known = np.asarray(counts.sum(axis=1)).reshape(-1)
        features = _beside(_scaled(counts, known), [self._flags(asked, name) for name in self.beside])
        found = _curves(features, truth, self.strength)
        weights, self.bias_ = found[:-1], found[-1]
        self.words_ = np.round(weights[: self.size_] * STEP).astype(np.int64)
        ends = np.cumsum([self.size_, *(len(values) for values in self.values_.values())])
        self.flags_ = {
            name: weights[start:end] for name, start, end in zip(self.beside, ends[:-1], ends[1:], strict=True)
        }
        return self

    def predict_proba(self, asked: pl.DataFrame) -> NDArray[np.float64]:
        """float64 [n, labels]."""
        counts = self._counts(asked)
        known = np.asarray(counts.sum(axis=1)).reshape(-1, 1)
        found: NDArray[np.float64] = (counts @ self.words_) / (np.sqrt(known + 1.0) * STEP) + self.bias_
        for name in self.beside:
            found = found + self._flags(asked, name) @ self.flags_[name]
        confident: NDArray[np.float64] = 1 / (1 + np.exp(-found))
        return confident

    def onnx_graph(self, contract: Any) -> Any:
        """Texts in, float32 [n, labels] out; all sums of words are of whole numbers."""
        draft = Draft(contract)
        table = np.zeros((self.size_ + 1, len(self.bias_) + 1), np.int64)
        table[:-1, :-1], table[:-1, -1] = self.words_, 1  # the last column counts the words that are known
        sums = draft.summed(self.text, self.places_, table)
        split = draft.constant(np.array([len(self.bias_), 1], np.int64))
        weighed, count = draft.node("Split", [sums, split], outputs=2, axis=1)
        one, step = draft.constant(np.float64(1)), draft.constant(np.float64(STEP))
        length = draft.node("Sqrt", draft.node("Add", [*draft.double(count), one]))
        score = draft.node("Div", [*draft.double(weighed), *draft.node("Mul", [*length, step])])
        for name in self.beside:
            score = draft.node("Add", [*score, draft.flagged(name, self.values_[name], self.flags_[name])])
        score = draft.node("Add", [*score, draft.constant(self.bias_)])
        return draft.model(draft.node("Sigmoid", score), len(self.bias_))

    def _counts(self, asked: pl.DataFrame) -> Any:
        return counted(asked[self.text].to_list(), self.places_, self.size_)

    def _flags(self, asked: pl.DataFrame, name: str) -> NDArray[np.float64]:
        return flags(asked[name].to_list(), self.values_[name])


class Draft:
    """A graph that is being drawn: inputs as the contract has them, nodes, and constants."""

    def __init__(self, contract: Any) -> None:
        self._fields = list(contract.fields)
        self._wordless = [name for name, said in contract.fields.items() if said.numeric or said.kind == "boolean"]
        self._nodes: list[Any] = []
        self._kept: list[Any] = []

    def node(self, kind: str, inputs: str | Sequence[str], *, outputs: int = 1, **told: Any) -> list[str]:
        """Adds an operation; the names of what comes out of it."""
        made = [f"{kind.lower()}_{len(self._nodes)}_{place}" for place in range(outputs)]
        given = [inputs] if isinstance(inputs, str) else list(inputs)
        self._nodes.append(helper.make_node(kind, given, made, name=made[0], **told))
        return made

    def constant(self, value: Any) -> str:
        """Adds a constant; its name."""
        name = f"constant_{len(self._kept)}"
        self._kept.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def double(self, name: str) -> list[str]:
        """The same in 64 bits."""
        return self.node("Cast", name, to=TensorProto.DOUBLE)

    def summed(self, text: str, places: Mapping[str, int], table: NDArray[Any]) -> str:
        """The sum of the table's rows over the words of a text: [n, columns]; its last row is for words that are not known."""
        apart = self.node("StringSplit", text, outputs=2, delimiter=" ")[0]
        encoded = self.encoded(apart, places, len(table) - 1)
        rows = self.node("Gather", [self.constant(table), encoded], axis=0)
        return self.node("ReduceSum", [*rows, self.constant(np.array([1, 2], np.int64))], keepdims=0)[0]

    def flagged(self, name: str, values: Sequence[str], table: NDArray[Any]) -> str:
        """The row of the table for the value of a field: [n, columns]; nothing for a value that is not known."""
        places = self.encoded(name, {value: place for place, value in enumerate(values)}, len(values))
        rows = np.concatenate([table, np.zeros((1, table.shape[1]), table.dtype)])
        found = self.node("Gather", [self.constant(rows), places], axis=0)
        return self.node("Squeeze", [*found, self.constant(np.array([1], np.int64))])[0]

    def encoded(self, name: str, places: Mapping[str, int], otherwise: int) -> str:
        """Words as numbers."""
        told: dict[str, Any] = {
            "keys_strings": list(places),
            "values_int64s": list(places.values()),
            "default_int64": otherwise,
        }
        return self.node("LabelEncoder", name, domain="ai.onnx.ml", **told)[0]

    def model(self, confidences: Sequence[str], labels: int) -> Any:
        """The finished graph, whose answer is float32 [n, labels]."""
        told = self.node("Cast", confidences, to=TensorProto.FLOAT)
        inputs = [
            helper.make_tensor_value_info(
                name, TensorProto.FLOAT if name in self._wordless else TensorProto.STRING, [None, 1]
            )
            for name in self._fields
        ]
        answer = helper.make_tensor_value_info(told[0], TensorProto.FLOAT, [None, labels])
        graph = helper.make_graph(self._nodes, "labels", inputs, [answer], self._kept)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR)


def vocabulary(texts: Sequence[str | None], most: int, fewest: int = 2) -> dict[str, int]:
    """Which word is which number, of the `most` that are in `fewest` texts or more.

    Words are what stands between spaces; they count the same in any case and with any punctuation around them, as far as
    they were seen so.
    """
    seen = Counter(word for text in texts for word in set(words(text)))
    plain: Counter[str] = Counter()
    for word, count in seen.items():
        plain[_plain(word)] += count
    kept = [word for word, count in plain.most_common() if word and count >= fewest][:most]
    places = {word: place for place, word in enumerate(sorted(kept))}
    return places | {word: places[_plain(word)] for word in seen if _plain(word) in places and word != NOTHING}


def ids(text: str | None, places: Mapping[str, int]) -> list[int]:
    """The numbers of those words of a text that are known."""
    return [places[word] for word in words(text) if word in places]


def words(text: str | None) -> list[str]:
    """What stands between spaces."""
    return [word for word in (text or "").split(" ") if word]


def counted(texts: Sequence[str | None], places: Mapping[str, int], size: int) -> Any:
    """int64 [n, size], sparse: how often each text has each word."""
    found = [ids(text, places) for text in texts]
    ends = np.cumsum([0, *map(len, found)])
    flat = np.array([one for some in found for one in some], np.int64)
    made = csr_array((np.ones(len(flat), np.int64), flat, ends), shape=(len(found), size))
    made.sum_duplicates()
    return made


def flags(told: Sequence[str | None], values: Sequence[str]) -> NDArray[np.float64]:
    """float64 [n, values]: which of the values each is; a row of zeros where it is none of them."""
    return np.array([[float(one == known) for known in values] for one in told]).reshape(len(told), len(values))


def _plain(word: str) -> str:
    return word.strip(string.punctuation).lower()


def _scaled(counts: Any, known: NDArray[np.int64]) -> Any:
    return (diags_array(1 / np.sqrt(known + 1.0)) @ counts.astype(np.float64)).tocsr()


def _beside(features: Any, flags: Sequence[NDArray[np.float64]]) -> Any:
    return hstack([features, *(csr_array(one) for one in flags)]).tocsr()


def _curves(features: Any, truth: NDArray[np.bool_], strength: float) -> NDArray[np.float64]:
    """float64 [features + 1, labels]: the weights of all labels' logistic curves, found together, and their biases last."""
    shape = (features.shape[1] + 1, truth.shape[1])
    there, across = truth.astype(np.float64), features.T.tocsr()
    share = (there.sum(axis=0) + 0.5) / (len(there) + 1)
    start = np.zeros(shape)
    start[-1] = np.log(share / (1 - share))

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights = flat.reshape(shape)
        score = features @ weights[:-1] + weights[-1]
        told = 1 / (1 + np.exp(-score))
        penalty = weights[:-1] / strength
        slope = np.concatenate([across @ (told - there) + penalty, (told - there).sum(axis=0, keepdims=True)])
        lost = np.logaddexp(0, score).sum() - score[truth].sum() + 0.5 * (penalty * weights[:-1]).sum()
        return float(lost), slope.reshape(-1)

    told = {"maxiter": MOST_STEPS, "ftol": 1e-7}
    with threadpool_limits(1, "blas"):  # vectors this short are only slowed down by threads
        found = minimize(loss, start.reshape(-1), jac=True, method="L-BFGS-B", options=told)
    return np.asarray(found.x, np.float64).reshape(shape)
