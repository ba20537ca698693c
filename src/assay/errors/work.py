"""Background work that cannot be done as asked."""

from __future__ import annotations

from assay.errors.fact import AssayError


class JobEnded(AssayError):
    """The job has ended already."""

    def __init__(self, state: str) -> None:
        super().__init__(f"The job has ended already: it is {state}, and there is nothing left to cancel.")


class JobNotFailed(AssayError):
    """Only a job that failed or was canceled can be tried again."""

    def __init__(self, state: str) -> None:
        super().__init__(f"Only a job that failed or was canceled can be tried again; this one is {state}.")


class LeaseLost(AssayError):
    """The job is no longer this worker's: its lease ran out, or it has ended; nothing was written for it."""


class ScheduleInvalid(AssayError):
    """A schedule of the settings can never be followed."""

    def __init__(self, name: str, rule: str) -> None:
        super().__init__(f"The schedule {name[:80]!r} cannot be followed: {rule}.")


class WebhookRejected(AssayError):
    """The address that is to be told of a task's end is not acceptable."""


class WebhookFailed(AssayError):
    """Whoever was to be told of a task's end could not be reached, or did not take it."""
