"""A verdict: what was found about a version before, while or after it was given the word, with the evidence."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Kind = Literal["gate", "proof", "guard", "control"]
Outcome = Literal["passed", "warned", "failed", "waiting", "approved"]


class Check(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One rule that was held against the version, whether it keeps it, and the figures that say so in one sentence.

    One that is `warned` is kept, and yet somebody should look.
    """

    name: str
    passed: bool
    detail: str
    warned: bool = False


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """`against` is the version that ruled then, or the one before; `evidence` is JSON-able.

    `waiting` means that a person has to approve, `warned` that nothing failed and yet somebody should look.
    """

    id: str
    at: int
    model: str
    version: int
    kind: Kind
    outcome: Outcome
    against: int | None = None
    dataset: str | None = None
    checks: tuple[Check, ...] = ()
    evidence: dict[str, Any] = {}
    by: str = ""
