"""A shadow: a version that is asked, after the fact, what others were asked, and whose answers nobody is given."""

from __future__ import annotations

import msgspec

TOO_FAR_BEHIND = "too_far_behind"
TOO_LATE = "too_late"


class Shadow(msgspec.Struct, frozen=True, kw_only=True):
    """How far a shadow of a rollout has come: every question up to the prediction `upto` is `asked` or `skipped`.

    `reasons` counts the skipped ones by the code of what kept the version from answering; `at` is when it moved last.
    """

    rollout: str
    version: int
    model: str
    upto: str
    asked: int = 0
    skipped: int = 0
    reasons: dict[str, int] = {}
    at: int = 0

    def moved(self, upto: str, at: int, *, asked: int = 0, skipped: dict[str, int] | None = None) -> Shadow:
        """The same, further on."""
        told = skipped or {}
        reasons = {name: self.reasons.get(name, 0) + told.get(name, 0) for name in (*self.reasons, *told)}
        return msgspec.structs.replace(
            self, upto=upto, at=at, asked=self.asked + asked, skipped=self.skipped + sum(told.values()), reasons=reasons
        )
