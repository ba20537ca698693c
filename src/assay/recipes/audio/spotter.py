"""Estimators that spot words: a network hears each moment of a second, and the second has what its surest moment has."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from assay.domain.question.contract import Contract
from assay.recipes.audio.drawing import ABREAST, drawn
from assay.recipes.audio.operations import Arrays, Floats, Operations, ValueT
from assay.recipes.audio.spectrum import Spectrum

if TYPE_CHECKING:
    import onnx

AT_ONCE = 64
ROUNDS, STIFF = 50, 1e-2


class Spotter(BaseEstimator):  # type: ignore[misc]  # scikit-learn publishes no types
    """What both networks over recordings have in common: `rate`, `margin_s` and `seed`, and how they are asked.

    A fitted one holds nothing but arrays: `weights_` by name, and the number of labels. A subclass says with `moments`
    what its network makes of a spectrum; one description is computed on arrays and drawn as a graph.
    """

    rate: int
    margin_s: float
    seed: int
    weights_: dict[str, Floats]
    labels_: int

    @property
    def spectrum(self) -> Spectrum:
        """What the network hears."""
        return Spectrum(rate=self.rate, margin_s=self.margin_s)

    @property
    def places(self) -> int:
        """More places than labels, so that the runtime computes a row alike in every batch (see ABREAST)."""
        return -(-self.labels_ // ABREAST) * ABREAST

    def moments(self, on: Operations[ValueT], heard: ValueT) -> ValueT:
        """[n, places, 1, moments] of a spectrum [n, 1, bands, frames]: the odds of each label at each moment, before they
        are scaled, on a logarithmic scale. The labels come first; what is in the other places does not count."""
        raise NotImplementedError

    def predict_proba(self, X: Any) -> Floats:
        """float32 [n, labels]: the confidence of each label in each window float32 [n, samples]."""
        windows = np.asarray(X, np.float32)
        found = [self._answers(windows[start : start + AT_ONCE]) for start in range(0, len(windows), AT_ONCE)]
        return np.concatenate([np.empty((0, self.labels_), np.float32), *found])

    def onnx_graph(self, contract: Contract) -> onnx.ModelProto:
        """The same as a graph: its input is named as the contract's recording."""
        return drawn(str(contract.audio), self.spectrum.samples, self.labels_, self._draw)

    def _answers(self, windows: Floats) -> Floats:
        return self._draw(Arrays(), windows[:, None, None, :])[:, : self.labels_, 0, 0]

    def _draw(self, on: Operations[ValueT], given: ValueT) -> ValueT:
        moments = self.moments(on, self.spectrum.draw(on, given))
        *factors, addend = self.weights_["scale"].tolist()
        sums = [
            on.scaled(on.highest(on.cut(moments, 3, *part), 3), factor, 0.0)
            for part, factor in zip(parts(self.spectrum, self.spectrum.frames // 2), factors, strict=True)
        ]
        return on.each("Sigmoid", on.scaled(reduce(on.plus, sums), 1.0, addend))

    def calibrate(self, heard: list[Floats], truth: NDArray[np.bool_]) -> None:
        """Finds the scale with which confidences are shares, of several distorted spectra [n, bands, frames] of all rows."""
        sure = np.concatenate([self._surest(one) for one in heard])
        self.weights_["scale"] = calibrated(sure, np.concatenate([truth] * len(heard)))

    def _surest(self, heard: Floats) -> Floats:
        """float32 [n, labels, parts]: the odds at the surest moment of each part, of spectra [n, bands, frames]."""
        found = [self.moments(Arrays(), heard[at : at + AT_ONCE, None]) for at in range(0, len(heard), AT_ONCE)]
        told = np.concatenate(found)[:, : self.labels_, 0]
        return np.stack([told[:, :, slice(*part)].max(axis=2) for part in parts(self.spectrum, told.shape[2])], axis=2)


def powers(spectrum: Spectrum, windows: Floats) -> Floats:
    """float32 [n, pitches, frames]: the relative power in windows float32 [n, samples], a few of them at a time."""
    found = [spectrum.power(windows[at : at + AT_ONCE]) for at in range(0, len(windows), AT_ONCE)]
    return np.concatenate(found)


def within(spectrum: Spectrum, moments: int) -> NDArray[np.bool_]:
    """bool [moments]: which of the moments of a window are in its second."""
    middle = spectrum.centres(moments)
    return np.asarray((middle >= 0) & (middle < 1))


def parts(spectrum: Spectrum, moments: int) -> list[tuple[int, int]]:
    """Which moments are within the second, and which before and after it, where there are any.

    A word whose middle is beyond the border is surest there, however sure the nearest moment within may be.
    """
    inside = np.nonzero(within(spectrum, moments))[0]
    begin, end = int(inside[0]), int(inside[-1]) + 1
    return [(begin, end)] + [part for part in ((0, begin), (end, moments)) if part[0] < part[1]]


def calibrated(told: Floats, truth: NDArray[np.bool_]) -> Floats:
    """float32 [parts + 1]: factors and an addend with which the sigmoid of what was told is the share that is true.

    `told` is float32 [n, labels, parts]; all labels have the same scale.
    """
    known = truth.ravel().astype(np.float64)
    columns = np.stack([*told.reshape(known.size, -1).T.astype(np.float64), np.ones(known.size)])
    usual = np.zeros(len(columns))
    usual[0] = 1  # what is within the second counts as it is, unless there is more to be known
    found = usual
    for _ in range(ROUNDS):  # Newton's steps
        share = 1 / (1 + np.exp(-np.clip(found @ columns, -30, 30)))
        slope = columns @ (known - share) - STIFF * (found - usual)
        curve = (columns * (share * (1 - share))) @ columns.T + STIFF * np.eye(len(found))
        found = found + np.clip(np.linalg.solve(curve, slope), -1, 1)
    return found.astype(np.float32)
