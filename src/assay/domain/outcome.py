"""An outcome: the truth about a prediction, when it arrives."""

from __future__ import annotations

import msgspec


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a prediction should have been: `value` in the target's unit, `observed_at` when that was so, `at` when it was told.

    Of several about one prediction the last that was told counts; those before stay in the record.
    """

    id: str
    at: int
    prediction: str
    model: str
    version: int
    value: float
    observed_at: int
    exchange: str | None = None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody says of a prediction; `observed_at` in microseconds."""

    prediction: str
    value: float
    observed_at: int
