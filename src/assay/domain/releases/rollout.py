"""A rollout: who answers for a model from now on, in rows that are only ever appended, of which the newest rules."""

from __future__ import annotations

import msgspec


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """From `at` on, `version` answers for `model`; `previous` answered before, and `reason` says why it changed."""

    id: str
    at: int
    model: str
    version: int
    previous: int | None = None
    by: str = ""
    reason: str = ""
