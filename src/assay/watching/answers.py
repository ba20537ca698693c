"""What versions answered to the control set, beside what is true of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from assay.measures.confidences import Floats, Told, Truth, counted

MOST = 100  # labels that are looked at one by one


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What one version answered to the control set.

    `told` is float [n, labels], NaN where nothing was told; `failed` says of inputs, each by its place, why they were not
    answered; `took_ms` are measurements: milliseconds for a second of sound, or for a row where nothing sounds. A version
    that asks another server is not `own`: what it leaves out is not its fault.
    """

    version: int
    told: Told
    failed: Mapping[int, str] = field(default_factory=dict)
    took_ms: Sequence[float] = ()
    own: bool = True


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The version that is looked at (`mine`) and the one before it (`theirs`), on the same inputs.

    `truth` is bool [n, labels]; row i belongs to the input `names[units[i]]`, being a second of it where inputs are
    recordings (`sound`), and all of it else. A confidence of `threshold` or more counts as yes.
    """

    labels: tuple[str, ...]
    threshold: float
    names: tuple[str, ...]
    units: NDArray[np.intp]
    truth: Truth
    mine: Answers
    theirs: Answers | None = None
    sound: bool = True

    @cached_property
    def answered(self) -> NDArray[np.bool_]:
        """bool [n]: the rows of the inputs that the version answered."""
        return ~np.isin(self.units, list(self.mine.failed))

    @cached_property
    def both(self) -> NDArray[np.bool_]:
        """bool [n]: the rows of the inputs that both versions answered."""
        return self.answered & ~np.isin(self.units, list(self.theirs.failed if self.theirs else ()))

    @cached_property
    def there(self) -> Truth:
        """bool [answered, labels]: what is true of the rows that were answered."""
        return self.truth[self.answered]

    @cached_property
    def known(self) -> Floats:
        """float64 [answered, labels]: the confidences for them, 0 where none was told."""
        return counted(self.mine.told[self.answered])

    @cached_property
    def watched(self) -> NDArray[np.intp]:
        """The places of the labels that are looked at one by one: all, or of very many those that are there most often."""
        often = np.argsort(-self.there.sum(axis=0), kind="stable")[:MOST]
        return np.sort(often)

    def inputs_with(self, label: int) -> int:
        """How many of the inputs that were answered a label is in, by its place."""
        return len(np.unique(self.units[self.answered][self.there[:, label]]))

    @property
    def rows(self) -> str:
        """What rows are."""
        return "seconds" if self.sound else "rows"

    @property
    def inputs(self) -> str:
        """What inputs are."""
        return "recordings" if self.sound else "rows"
