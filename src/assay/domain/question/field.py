"""The fields of an input: what a value may be, in which unit, and how a person would describe it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from assay.errors import ApplicationInvalid

Kind = Literal["number", "integer", "grade", "category", "text", "boolean", "audio"]
SAFE_INTEGER = 2**63 - 1
MOST_WORDS = 65_535  # each has a code of two bytes, and so has what is none of them
MOST_TOLD = 100  # of a field's words, or of a model's fields, in one refusal
DIGEST = "[0-9a-f]{64}"  # sha256, as kept bytes are named
NO_DIGEST = "0" * 64
RATES = (4_000, 384_000)
LONGEST_MARGIN_S = 10.0


class Field(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One field of an input. `values` are the allowed words of a grade (worst first) or a category.

    Of a recording (kind "audio") an engine gets, for each whole second, `rate` samples and those of `margin_s` seconds
    before and after it; one that sounds longer than `longest_s` is refused.
    """

    kind: Kind
    above: int | float | None = None
    at_least: int | float | None = None
    below: int | float | None = None
    at_most: int | float | None = None
    values: tuple[str, ...] = ()
    max_length: int | None = None
    rate: int = 0
    margin_s: float = 0.0
    longest_s: float = 0.0
    unit: str = ""
    description: str = ""
    example: float | str | bool | None = None
    nullable: bool = False

    @property
    def numeric(self) -> bool:
        """Whether the value is a number (an integer included)."""
        return self.kind in ("number", "integer")

    @property
    def samples(self) -> int:
        """How many samples of a recording an engine gets for each second of it."""
        return round(self.rate * (1 + 2 * self.margin_s))

    def annotation(self) -> Any:
        """The type that the strict decoder is compiled from."""
        found: Any = self._annotation()
        return found | None if self.nullable else found

    def _annotation(self) -> Any:
        if self.kind in ("grade", "category"):
            return Literal[self.values]
        if self.kind == "text":
            return Annotated[str, msgspec.Meta(max_length=self.max_length)]
        if self.kind == "audio":
            return Annotated[str, msgspec.Meta(pattern=f"^{DIGEST}$")]
        if self.kind == "boolean":
            return bool
        bounds = {"gt": self.above, "ge": self.at_least, "lt": self.below, "le": self.at_most}
        kept: dict[str, Any] = {name: bound for name, bound in bounds.items() if bound is not None}
        if self.kind == "integer":
            inward = {"gt": math.floor, "ge": math.ceil, "lt": math.ceil, "le": math.floor}
            kept = {name: inward[name](bound) for name, bound in kept.items()}
        number: Any = int if self.kind == "integer" else float
        return Annotated[number, msgspec.Meta(**kept)]

    def rule(self) -> str:
        """What is allowed, in words."""
        if self.values:
            others = len(self.values) - MOST_TOLD
            return "one of " + ", ".join(self.values[:MOST_TOLD]) + (f" and {others:,} more" if others > 0 else "")
        said = {"above": "above", "at_least": "at least", "below": "below", "at_most": "at most"}
        limits = [f"{word} {getattr(self, name):g}" for name, word in said.items() if getattr(self, name) is not None]
        noun = {
            "number": "a number", "integer": "a whole number", "text": "a text", "boolean": "true or false",
            "audio": "the sha256 of a recording that is kept, 64 hexadecimal digits",
        }[self.kind]  # fmt: skip
        unit = f" {self.unit}" if self.unit and limits else ""
        return noun + (" " + " and ".join(limits) + unit if limits else "")

    def json_schema(self) -> dict[str, Any]:
        """The field as JSON Schema (2020-12), as OpenAPI 3.1 has it."""
        kind = {"number": "number", "integer": "integer", "boolean": "boolean"}.get(self.kind, "string")
        bounds = {
            "exclusiveMinimum": self.above, "minimum": self.at_least,
            "exclusiveMaximum": self.below, "maximum": self.at_most, "maxLength": self.max_length,
        }  # fmt: skip
        found: dict[str, Any] = {"type": [kind, "null"] if self.nullable else kind}
        found |= {name: bound for name, bound in bounds.items() if bound is not None}
        if self.values:
            found["enum"] = list(self.values)
        if self.kind == "audio":
            found["pattern"] = f"^{DIGEST}$"
        about = f"{self.description} [{self.unit}]" if self.unit else self.description
        if about:
            found["description"] = about.strip()
        if self.example is not None:
            found["examples"] = [self.example]
        return found


def example_of(fields: Mapping[str, Field]) -> dict[str, Any]:
    """Values that the fields' rules allow: their own examples, where they have them."""
    return {name: _example(field) for name, field in fields.items()}


def object_schema(title: str, fields: Mapping[str, Field]) -> dict[str, Any]:
    """An object with these fields as JSON Schema."""
    return {
        "type": "object",
        "title": title,
        "properties": {name: field.json_schema() for name, field in fields.items()},
        "required": [name for name, field in fields.items() if not field.nullable],
        "additionalProperties": False,
        "examples": [example_of(fields)],
    }


def _example(field: Field) -> float | str | bool:
    if field.example is not None:
        return field.example
    if field.values:
        return field.values[-1]
    if not field.numeric:
        return {"text": "text", "audio": NO_DIGEST}.get(field.kind, True)
    low = field.at_least if field.at_least is not None else field.above
    high = field.at_most if field.at_most is not None else field.below
    if low is not None and high is not None:
        value = (low + high) / 2
    else:
        value = low + 1 if low is not None else high - 1 if high is not None else 1.0
    return math.ceil(value) if field.kind == "integer" else value


def Number(**told: Any) -> Any:  # noqa: N802 - a field specifier reads like the type it stands for
    """A real number. Says `above`, `at_least`, `below`, `at_most`, `unit`, `description`, `example`, `nullable`."""
    return Field(kind="number", **told)


def Integer(**told: Any) -> Any:  # noqa: N802 - reads like a type
    """A whole number within ±2⁶³. Says what `Number` says."""
    told = {"at_least": -SAFE_INTEGER if told.get("above") is None else None,
            "at_most": SAFE_INTEGER if told.get("below") is None else None} | told  # fmt: skip
    return Field(kind="integer", **told)


def Grade(*values: str, **told: Any) -> Any:  # noqa: N802 - reads like a type
    """One of some words that have an order, the worst first."""
    return Field(kind="grade", values=values, **told)


def Category(*values: str, **told: Any) -> Any:  # noqa: N802 - reads like a type
    """One of some words that have no order."""
    return Field(kind="category", values=values, **told)


def Text(max_length: int = 65_536, **told: Any) -> Any:  # noqa: N802 - reads like a type
    """Free text of at most `max_length` characters."""
    return Field(kind="text", max_length=max_length, **told)


def Boolean(**told: Any) -> Any:  # noqa: N802 - reads like a type
    """True or false."""
    return Field(kind="boolean", **told)


def Audio(rate: int = 8_000, *, margin_s: float = 0.25, longest_s: float = 3_600.0, **told: Any) -> Any:  # noqa: N802 - reads like a type
    """A recording that is kept, named by the sha256 of its bytes and answered second by second.

    It is mixed to one channel and resampled to `rate` samples a second (4,000 to 384,000). A second is heard with
    `margin_s` seconds before and after it, at most 10; a recording of more than `longest_s` seconds is refused.
    """
    if not RATES[0] <= rate <= RATES[1] or not 0 <= margin_s <= LONGEST_MARGIN_S or not longest_s >= 1:
        raise ApplicationInvalid(
            f"A recording has {RATES[0]:,} to {RATES[1]:,} samples a second, a margin of 0 to {LONGEST_MARGIN_S:g} s and"
            " a longest length of 1 s or more."
        )
    return Field(kind="audio", rate=rate, margin_s=margin_s, longest_s=longest_s, **told)


def audio_field(fields: Mapping[str, Field]) -> str | None:
    """The name of the field that is a recording, if there is one."""
    return next((name for name, field in fields.items() if field.kind == "audio"), None)
