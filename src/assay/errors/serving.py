"""Versions that may not answer, and models that do not."""

from __future__ import annotations

from collections.abc import Sequence

from assay.errors.fact import AssayError


class ArtifactRejected(AssayError):
    """A file of the version is missing, damaged, or not what it says."""


class NotCompilable(AssayError):
    """The pipeline cannot be compiled to a graph that gives the same answers; it can still answer natively."""


class VersionRejected(AssayError):
    """The version did not pass its verification and was not promoted."""


class NotWaiting(AssayError):
    """The version does not wait for anybody's approval."""

    def __init__(self, model: str, number: int, outcome: str) -> None:
        found = f"the gate's newest verdict on it is {outcome!r}" if outcome else "the gate has not judged it yet"
        super().__init__(f"Version {number} of {model!r} does not wait for approval: {found}.")


class VersionNotReady(AssayError):
    """A process that answers did not get the version ready; nothing was switched."""

    def __init__(self, numbers: Sequence[int], reason: str) -> None:
        several = f"The versions {', '.join(map(str, numbers))} were not all made ready"
        one = f"Version {numbers[0]} was not promoted"
        super().__init__(f"{several if len(numbers) > 1 else one}, and nothing was switched: {reason}.")


class PromotionInProgress(AssayError):
    """Another promotion of the model is under way."""

    def __init__(self, model: str, number: int) -> None:
        super().__init__(f"Version {number} of {model!r} is being promoted at this moment; wait for it, or roll back.")


class PromotionOvertaken(AssayError):
    """The promotion was given up for another."""

    def __init__(self, model: str, number: int) -> None:
        super().__init__(
            f"The promotion of version {number} of {model!r} was given up: somebody decided otherwise meanwhile."
        )


class ModelFailed(AssayError, code="model_error"):
    """The model failed to answer."""


class BadOutput(AssayError, code="model_bad_output"):
    """The model answered with something that is not a finite number, or a confidence between 0 and 1, for each row."""


class NoNumber(AssayError):
    """The model answers with labels; this is there only for models that answer with a number."""


class ModelTimedOut(AssayError, code="model_timeout"):
    """The model did not answer in time."""


class Overloaded(AssayError):
    """More questions are waiting than this server admits; ask again shortly."""


class Draining(AssayError):
    """The server is stopping."""


class NotServing(AssayError):
    """The model is not being served in this process."""
