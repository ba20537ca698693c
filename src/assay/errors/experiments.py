"""Experiments that cannot be, and subjects that cannot take part in one."""

from __future__ import annotations

from assay.errors.fact import AssayError


class ExperimentInvalid(AssayError):
    """The experiment breaks a rule."""


class ExperimentRunning(AssayError):
    """Another experiment runs on the model; stop it first, or change its shares."""

    def __init__(self, model: str, name: str) -> None:
        super().__init__(f"The experiment {name!r} runs on {model!r}; stop it first, or change its shares.")


class ExperimentNotFound(AssayError):
    """There is no such experiment."""

    def __init__(self, model: str, name: str | None = None) -> None:
        said = "no experiment runs" if name is None else f"there never was an experiment {name[:80]!r}"
        super().__init__(f"On {model!r} {said}; `assay experiment APP start` begins one.")


class BadSubject(AssayError):
    """A subject is 1 to 256 bytes of printable text in UTF-8."""
