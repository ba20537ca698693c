"""A network of fully connected layers over a few frames of a recording, trained by scikit-learn alone."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from assay.domain.question.field import Field
from assay.recipes.audio.distortion import Distortion
from assay.recipes.audio.operations import Arrays, Floats, Operations, ValueT
from assay.recipes.audio.spectrum import BANDS, EMPTY
from assay.recipes.audio.spotter import AT_ONCE, Spotter, powers, within

REACH = 8  # moments before and after the one that is judged: 0.27 s each
TOGETHER = 512
ALIGNED_AT = (0.1, 0.2, 0.32, 0.48)  # of all passes: when it is looked again where in its second each word is
FULL_STRENGTH_AT, SLOWER_AT = 0.3, 0.5
SPREAD_S = 0.09  # around a word's middle nothing is learnt to be no word
LEAST = 1e-6  # no share counts as less
WORDS, OTHERS = 3, 4  # how often a word, and how many other moments of a window, are shown in a pass
LOUDNESS, WORD_MOMENTS = 0.3, 17
BATCH, STEP, DECAY = 128, 1e-3, 1e-3


class Layers(Spotter):
    """Some networks of one hidden layer each, whose answers are averaged.

    Nobody tells them where in its second a word is. They begin with where it is loudest and look again, some passes
    later, where they hear it best themselves: what is common to a word's examples is found so. `seed` decides
    everything; another seed gives another network.
    """

    def __init__(
        self, rate: int = 8_000, margin_s: float = 0.25, *, hidden: int = 256, members: int = 3, passes: int = 50,
        seed: int = 42,
    ) -> None:  # fmt: skip
        self.rate = rate
        self.margin_s = margin_s
        self.hidden = hidden
        self.members = members
        self.passes = passes
        self.seed = seed

    def fit(self, X: Any, Y: Any) -> Self:
        """X float32 [n, samples], a window each; Y bool [n, labels], which label's middle is in its second."""
        windows, truth = np.asarray(X, np.float32), np.asarray(Y, bool)
        self.labels_ = int(truth.shape[1])
        draw = np.random.default_rng(self.seed)
        power = powers(self.spectrum, windows)
        lesson = _Lesson(power, self.spectrum.transform(windows), truth)
        distortion = Distortion(spectrum=self.spectrum, draw=draw)
        members = [_Member(self, lesson, distortion).learn() for _ in range(self.members)]
        self.weights_ = _side_by_side(members)
        self.calibrate([distortion.heard(power, 1.0) for _ in range(2)], truth)
        return self

    def moments(self, on: Operations[ValueT], heard: ValueT) -> ValueT:
        shares = _network(on, heard, self.weights_)
        mine = np.zeros((self.places, self.labels_ + 1, 1, 1), np.float32)
        mine[np.arange(self.labels_), np.arange(self.labels_)] = 1
        # the others are added up: 1 less a share that is nearly 1 would have no digits left
        share, others = (on.scaled(on.conv(shares, kept), 1.0, LEAST) for kept in (mine, 1 - mine))
        return on.each("Log", on.over(share, others))


def layers(field: Field, **told: Any) -> Layers:
    """The estimator for the recordings of a field. Says `hidden`, `members`, `passes` and `seed`."""
    return Layers(field.rate, field.margin_s, **told)


def _network(on: Operations[ValueT], heard: ValueT, weights: dict[str, Floats]) -> ValueT:
    """[n, labels + 1, 1, moments]: the share of each label, and that of there being no word's middle."""
    around = on.pad(_halved(on, heard), (0, REACH, 0, REACH), EMPTY)
    hidden = on.each("Relu", on.conv(around, weights["hidden"], weights["hidden_bias"]))
    return on.shares(on.conv(hidden, weights["out"], weights["out_bias"]))


def _halved(on: Operations[ValueT], heard: ValueT) -> ValueT:
    """Two frames are one moment."""
    return on.pool(heard, (1, 2), mean=True)


def _side_by_side(members: list[dict[str, Floats]]) -> dict[str, Floats]:
    """One network whose answer is the mean of theirs."""
    joined = {name: np.concatenate([one[name] for one in members]) for name in ("hidden", "hidden_bias")}
    joined["out"] = np.concatenate([one["out"] for one in members], axis=1) / np.float32(len(members))
    joined["out_bias"] = np.asarray(np.mean([one["out_bias"] for one in members], axis=0), np.float32)
    return joined


@dataclass(frozen=True)
class _Lesson:
    """Relative power [n, pitches, frames], undistorted spectra [n, bands, frames], and labels [n, labels]."""

    power: Floats
    heard: Floats
    truth: NDArray[np.bool_]


class _Member:
    """One of the networks while it learns."""

    def __init__(self, of: Layers, lesson: _Lesson, distortion: Distortion) -> None:
        from sklearn.neural_network import MLPClassifier  # noqa: PLC0415 - answering needs none of it

        self._of = of
        self._lesson = lesson
        self._distortion = distortion
        self._draw = distortion.draw
        self._row, self._label = np.nonzero(lesson.truth)
        self._net = MLPClassifier(
            (of.hidden,), batch_size=BATCH, alpha=DECAY, learning_rate_init=STEP,
            random_state=int(self._draw.integers(2**31)),
        )  # fmt: skip

    def learn(self) -> dict[str, Floats]:
        """The weights, after all passes."""
        middle = self._loudest()
        again = {round(share * self._of.passes) for share in ALIGNED_AT}
        for done in range(self._of.passes):
            share = done / self._of.passes
            if done and done in again:
                middle = self._heard_best()
            self._pass(middle, min(1.0, (done + 1) / (FULL_STRENGTH_AT * self._of.passes)))
            self._net._optimizer.learning_rate_init = STEP * min(1.0, (1 - share) / SLOWER_AT)
        return self._weights()

    def _pass(self, middle: NDArray[np.float64], strength: float) -> None:
        """Shows every window once, distorted: its words, each at its middle or a moment beside it, and other moments."""
        order = self._draw.permutation(len(self._lesson.truth))
        for start in range(0, len(order), TOGETHER):
            rows = order[start : start + TOGETHER]
            heard = self._distortion.heard(self._lesson.power[rows], strength)
            place = np.full(len(order), -1)
            place[rows] = np.arange(len(rows))
            mine = place[self._row] >= 0
            shown, said = self._shown(heard, place[self._row[mine]], self._label[mine], middle[mine])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that there are fewer than a batch
                self._net.partial_fit(shown, said, classes=np.arange(self._of.labels_ + 1))

    def _shown(
        self, heard: Floats, row: NDArray[Any], label: NDArray[Any], middle: NDArray[np.float64]
    ) -> tuple[Floats, NDArray[np.int64]]:
        halved = _halved(Arrays(), heard[:, None])[:, 0]
        count = halved.shape[2]
        when = self._of.spectrum.centres(count)
        inside = np.nonzero(within(self._of.spectrum, count))[0]
        words, said = np.repeat(row, WORDS), np.repeat(label, WORDS)
        at = np.round((np.repeat(middle, WORDS) - when[0]) / (when[1] - when[0])).astype(int)
        at = np.clip(at + self._draw.integers(-1, 2, len(at)), inside[0], inside[-1])
        others = np.repeat(np.arange(len(halved)), OTHERS)
        elsewhere = self._draw.choice(inside, len(others))
        near = np.zeros((len(halved), count), bool)
        np.logical_or.at(near, row, np.abs(when - middle[:, None]) <= SPREAD_S)
        far = ~near[others, elsewhere]
        parts = _around(halved, np.concatenate([words, others[far]]), np.concatenate([at, elsewhere[far]]))
        return parts, np.concatenate([said, np.full(int(far.sum()), self._of.labels_)])

    def _loudest(self) -> NDArray[np.float64]:
        """The middle of the loudest half a second, word by word, in seconds of its window's second."""
        loud = np.exp(LOUDNESS * 3 * _halved(Arrays(), self._lesson.heard[:, None])[:, 0].mean(axis=1))
        loud -= np.median(loud, axis=1, keepdims=True)
        return self._at_most(_smooth(loud, np.hanning(WORD_MOMENTS))[self._row])

    def _heard_best(self) -> NDArray[np.float64]:
        weights = self._weights()
        told = [
            _network(Arrays(), self._lesson.heard[at : at + AT_ONCE, None], weights)[:, :, 0]
            for at in range(0, len(self._lesson.heard), AT_ONCE)
        ]
        return self._at_most(_smooth(np.concatenate(told)[self._row, self._label], np.ones(5) / 5))

    def _at_most(self, told: NDArray[np.floating]) -> NDArray[np.float64]:
        """When the most is told within the second, and what is told around that moment weighs."""
        count = told.shape[1]
        when = self._of.spectrum.centres(count)
        inside = np.where(within(self._of.spectrum, count), told, -np.inf)
        best = inside.argmax(axis=1)
        near = np.abs(np.arange(count) - best[:, None]) <= 5
        weight = np.where(near & np.isfinite(inside), np.maximum(inside, 0) ** 2 + 1e-9, 0)
        found = (weight * when).sum(axis=1) / weight.sum(axis=1)
        return np.asarray(np.clip(found, 0, 1 - 1e-3))

    def _weights(self) -> dict[str, Floats]:
        first, second = (np.asarray(one, np.float32) for one in self._net.coefs_)
        bias = np.asarray(self._net.intercepts_[1], np.float32)
        if self._of.labels_ == 1:  # of two classes scikit-learn keeps the second one's odds
            second, bias = (np.concatenate([np.zeros_like(one), one], axis=-1) for one in (second, bias))
        length = 2 * REACH + 1
        return {
            "hidden": np.ascontiguousarray(first.T.reshape(-1, 1, BANDS, length)),
            "hidden_bias": np.asarray(self._net.intercepts_[0], np.float32),
            "out": np.ascontiguousarray(second.T[:, :, None, None]),
            "out_bias": bias,
        }


def _smooth(told: NDArray[Any], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64 [n, moments]: around each moment, so weighted."""
    found = np.empty(told.shape)
    for row, one in enumerate(told):
        found[row] = np.convolve(one, weights, "same")
    return found


def _around(halved: Floats, row: NDArray[Any], at: NDArray[Any]) -> Floats:
    """float32 [n, bands * length]: what is heard around the moments `at` of the rows."""
    wide = np.pad(halved, ((0, 0), (0, 0), (REACH, REACH)), constant_values=np.float32(EMPTY))
    views = np.lib.stride_tricks.sliding_window_view(wide, 2 * REACH + 1, axis=2)
    return views[row, :, at].reshape(len(row), -1)
