"""A prediction: one answer by one version, and the reasons that can be asked for it."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Role = Literal["answer", "shadow", "rescore"]


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """One answer: `prediction` is a number in the target's unit, or what `answer.told` makes of confidences."""

    id: str
    model: str
    version: int
    prediction: Any


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What one feature adds to the answer, in the target's unit."""

    feature: str
    value: float | str | bool | None
    contribution: float


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """One answer with its reasons: `base` plus every contribution is `prediction`."""

    id: str
    model: str
    version: int
    prediction: float
    base: float
    parts: tuple[Part, ...]
