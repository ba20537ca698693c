"""What every refusal and failure is: a sentence, and a code by which programs know it."""

from __future__ import annotations

import re
from typing import ClassVar

import msgspec


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong with one part of a question: where, why, and what would have been allowed."""

    pointer: str
    detail: str
    code: str = "invalid"
    allowed: tuple[str, ...] = ()


class AssayError(Exception):
    """Something went wrong; where it was a model's doing, `version` is who did it, perhaps as an arm of `experiment`."""

    code: ClassVar[str] = "error"
    model: str | None = None
    version: int | None = None
    experiment: str | None = None

    def __init_subclass__(cls, code: str | None = None) -> None:
        # the name says it, unless clients know the fact by another word
        cls.code = code or re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())
