"""A convolutional network over a recording, trained with PyTorch and asked without it."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from assay.domain.question.field import Field
from assay.recipes.audio.distortion import Distortion
from assay.recipes.audio.operations import Floats, Operations, ValueT
from assay.recipes.audio.spotter import Spotter, powers

INSTALL = "The convolutional recipe is trained with PyTorch, which is not installed: pip install 'assay[torch]'."


class Convolutional(Spotter):
    """Finds patterns in the spectrum wherever they are, in time and in pitch, and words in what it found.

    Nobody tells it where in its second a word is. `seed` decides everything; another seed gives another network.
    """

    def __init__(
        self, rate: int = 8_000, margin_s: float = 0.25, *, width: int = 64, passes: int = 25, seed: int = 42
    ) -> None:
        self.rate = rate
        self.margin_s = margin_s
        self.width = width
        self.passes = passes
        self.seed = seed

    def fit(self, X: Any, Y: Any) -> Self:
        """X float32 [n, samples], a window each; Y bool [n, labels], which label's middle is in its second.

        Raises ModuleNotFoundError, which says what to install, where there is no PyTorch.
        """
        try:
            from assay.recipes.audio import framework  # noqa: PLC0415 - an optional extra, and answering needs none of it
        except ModuleNotFoundError as missing:
            if missing.name != "torch":
                raise
            raise ModuleNotFoundError(INSTALL, name="torch") from None
        windows, truth = np.asarray(X, np.float32), np.asarray(Y, bool)
        self.labels_ = int(truth.shape[1])
        draw = np.random.default_rng(self.seed)
        power = powers(self.spectrum, windows)
        distortion = Distortion(spectrum=self.spectrum, draw=draw)
        order = framework.Order(width=self.width, passes=self.passes, seed=self.seed)
        self.weights_ = framework.learnt(power, truth, distortion, order)
        self.calibrate([distortion.heard(power, 1.0) for _ in range(2)], truth)
        return self

    def moments(self, on: Operations[ValueT], heard: ValueT) -> ValueT:
        shapes = on.pool(_filtered(on, heard, self.weights_, "shapes"), (2, 2))
        sounds = on.pool(_filtered(on, shapes, self.weights_, "sounds"), (2, 1))
        phones = _filtered(on, sounds, self.weights_, "phones")
        words = _filtered(on, phones, self.weights_, "words")
        more = self.places - self.labels_
        filters = np.pad(self.weights_["out"], ((0, more), (0, 0), (0, 0), (0, 0)))
        return _conv(on, words, {"out": filters, "out_bias": np.pad(self.weights_["out_bias"], (0, more))}, "out")


def convolutional(field: Field, **told: Any) -> Convolutional:
    """The estimator for the recordings of a field. Says `width`, `passes` and `seed`."""
    return Convolutional(field.rate, field.margin_s, **told)


def _filtered(on: Operations[ValueT], given: ValueT, weights: dict[str, Floats], name: str) -> ValueT:
    return on.each("Relu", _conv(on, given, weights, name))


def _conv(on: Operations[ValueT], given: ValueT, weights: dict[str, Floats], name: str) -> ValueT:
    """What goes in is padded so that as much comes out; a filter as high as all that goes in leaves one row."""
    filters = weights[name]
    along = filters.shape[3] // 2
    down = filters.shape[2] // 2 if filters.shape[2] % 2 else 0
    return on.conv(on.pad(given, (down, along, down, along), 0.0), filters, weights[f"{name}_bias"])
