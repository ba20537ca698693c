"""An outcome: the truth about a prediction, when it arrives."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

Truth = float | tuple[str, ...]  # in the target's unit, or the labels that were there


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a prediction should have been: `value` in the target's unit, or the labels that were there, in the model's order.

    `observed_at` is when that was so, `at` when it was told. Of several about one prediction the last that was told counts;
    those before stay in the record.
    """

    id: str
    at: int
    prediction: str
    model: str
    version: int
    value: Truth
    observed_at: int
    exchange: str | None = None

    @property
    def number(self) -> float:
        """The one number that stands for it: the number itself, or how many labels were there."""
        return float(len(self.value)) if isinstance(self.value, tuple) else self.value


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody says of a prediction; `observed_at` in microseconds."""

    prediction: str
    value: Truth
    observed_at: int


class About(NamedTuple):
    """Whom something is said of: the model that answered about an entity, as the record names it, no later than `until`."""

    model: str
    entity: str
    until: int
