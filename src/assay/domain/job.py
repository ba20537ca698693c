"""A job: a verb to be done in the background, once."""

from __future__ import annotations

from typing import Any, Literal, Required, TypedDict

import msgspec

JobState = Literal["queued", "running", "succeeded", "failed", "canceled", "expired"]
STATES: tuple[str, ...] = ("queued", "running", "succeeded", "failed", "canceled", "expired")
ENDED: frozenset[str] = frozenset(("succeeded", "failed", "canceled", "expired"))


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """`verb` with its `arguments`, for a model or for none; of one `key` there is only ever one job.

    While it runs it belongs to the worker that holds `token`, until `lease_until` of the clock `lease_boot`; whoever
    lost the token can write nothing for it any more. `attempts` counts how often it was begun. `done` of `total` and
    `stage` say how far it is, `log` is the tail of what it said. `result` is what came of it; where it failed, `code`
    names the error and `error` is the sentence.
    """

    id: str
    at: int
    verb: str
    model: str | None = None
    key: str | None = None
    arguments: dict[str, Any] = {}
    by: str = ""
    state: JobState = "queued"
    priority: int = 0
    run_after: int = 0
    attempts: int = 0
    max_attempts: int = 3
    token: str | None = None
    worker: str | None = None
    lease_until: int | None = None
    lease_boot: str | None = None
    started_at: int | None = None
    finished_at: int | None = None
    cancel_requested: bool = False
    stage: str = ""
    done: int = 0
    total: int = 0
    log: str = ""
    result: Any = None
    code: str = ""
    error: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen, unless somebody has it tried again."""
        return self.state in ENDED


class Ending(TypedDict, total=False):
    """What came of a job: its result (anything that JSON can say), or the error's code and the sentence."""

    state: Required[Literal["succeeded", "failed", "canceled", "expired"]]
    result: Any
    code: str
    error: str
