"""A rollout: who answers for a model from now on. Append-only; the newest row rules."""

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
