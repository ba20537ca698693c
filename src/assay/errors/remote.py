"""Remote models that could not be asked, or whose answer is none."""

from __future__ import annotations

from assay.errors.fact import AssayError
from assay.errors.serving import ModelFailed, ModelTimedOut


class RemoteModelUnreachable(ModelFailed):
    """The remote model could not be reached, or the connection to it broke."""


class RemoteModelFailed(ModelFailed):
    """The remote model answered that it failed."""


class RemoteModelRefused(ModelFailed):
    """The remote model does not know, or does not take, what it was asked."""


class RemoteModelBadAnswer(ModelFailed):
    """The remote model's answer cannot be read, or is none to the question."""


class RemoteModelResting(ModelFailed):
    """The remote model failed too often and is not asked for a while."""


class RemoteModelTimedOut(ModelTimedOut):
    """The remote model did not answer in time."""


class RemoteModelAway(AssayError):
    """The remote model does not answer now, so the version that asks it cannot be given the word."""

    def __init__(self, number: int, reason: str) -> None:
        said = reason.rstrip(".")
        super().__init__(f"The remote model of version {number} does not answer now ({said}); nothing was changed.")
