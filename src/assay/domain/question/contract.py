"""A version's contract: what may be asked and what is answered, kept with the version and independent of the code that made it."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import msgspec

from assay.domain.metric import Metric
from assay.domain.question.field import Field, audio_field, example_of, object_schema


class Target(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What is predicted: the column's name, its unit, the least answer that makes sense, and how it is rounded.

    With `labels` it is which of them are true, and `threshold` the confidence from which one counts as yes.
    """

    name: str
    unit: str = ""
    floor: float | None = None
    decimals: int | None = None
    labels: tuple[str, ...] = ()
    threshold: float = 0.5

    def finish(self, values: list[float]) -> list[float]:
        """The answers as they are given: not below the floor, rounded to the decimals."""
        floor, decimals = self.floor, self.decimals
        if floor is not None:
            values = [value if value > floor else floor for value in values]
        return values if decimals is None else [round(value, decimals) for value in values]


class Similar(msgspec.Struct, frozen=True, kw_only=True):
    """Which training rows are similar: equal in `equal`, then nearest in `nearest`."""

    equal: tuple[str, ...]
    nearest: str


class Contract(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The question's fields in their order, the target, the ranking metric and what similar means."""

    model: str
    fields: dict[str, Field]
    target: Target
    metric: Metric
    similar: Similar | None = None

    @cached_property
    def question(self) -> type[msgspec.Struct]:
        """The strict type of one question, made once."""
        return question_type("Question", self.fields)

    @cached_property
    def audio(self) -> str | None:
        """The name of the field that is a recording, if there is one."""
        return audio_field(self.fields)

    @cached_property
    def words(self) -> int:
        """How many string values a complete question carries; -1 if that differs from question to question."""
        if any(field.nullable or field.kind == "text" for field in self.fields.values()):
            return -1
        return sum(bool(field.values) or field.kind == "audio" for field in self.fields.values())

    def example(self) -> dict[str, Any]:
        """A question that would be accepted, for documentation."""
        return example_of(self.fields)

    def json_schema(self) -> dict[str, Any]:
        """The question as JSON Schema."""
        return object_schema("Question", self.fields)


def question_type(name: str, fields: dict[str, Field]) -> type[msgspec.Struct]:
    """A frozen struct with these fields, strict about types, ranges and unknown names."""
    made = [
        (key, field.annotation(), None) if field.nullable else (key, field.annotation())
        for key, field in fields.items()
    ]
    return msgspec.defstruct(name, made, frozen=True, kw_only=True, forbid_unknown_fields=True)
