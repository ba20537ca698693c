"""A rollout: who answers for a model from now on, in rows that are only ever appended, of which the newest rules."""

from __future__ import annotations

from hashlib import sha256
from typing import Literal

import msgspec

Mode = Literal["split", "all"]
BITS = 64


class Arm(msgspec.Struct, frozen=True, kw_only=True):
    """One version of an experiment and its share of the subjects, a fraction."""

    version: int
    share: float


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """From `at` on, `version` answers for `model`; `previous` answered before, and `reason` says why it changed.

    During an `experiment` (its name, and the salt of the draw) each subject is answered by the arm that it falls to, or
    by every arm where `mode` is "all"; `shadows` are asked as well, and nobody is given their answers.
    """

    id: str
    at: int
    model: str
    version: int
    previous: int | None = None
    by: str = ""
    reason: str = ""
    experiment: str | None = None
    mode: Mode = "split"
    arms: tuple[Arm, ...] = ()
    shadows: tuple[int, ...] = ()
    sequence: int = 0

    @property
    def answering(self) -> tuple[int, ...]:
        """The versions that may answer, the main one first."""
        return tuple(dict.fromkeys((self.version, *(arm.version for arm in self.arms))))

    def choose(self, subject: str) -> int:
        """The version that answers this subject: the same wherever and whenever it is asked, while the shares stand.

        A change of shares moves only the subjects between the old and the new boundary.
        """
        if not self.arms or self.mode == "all":
            return self.version
        drawn = int.from_bytes(sha256(f"{self.experiment}\0{subject}".encode()).digest()[: BITS // 8]) / 2**BITS
        reached = 0.0
        for arm in self.arms:
            reached += arm.share
            if drawn < reached:
                return arm.version
        return self.arms[-1].version
