"""What is wrong with a row, field by field, in words that a caller can act upon."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

import msgspec

from assay.domain.question.field import DIGEST, MOST_TOLD, SAFE_INTEGER, Field
from assay.errors import Fault, QuestionInvalid

MAX_KEYS = 1_000
RowT = TypeVar("RowT")


def row_faults(row: Any, fields: Mapping[str, Field], at: str) -> Iterator[Fault]:
    """Every fault of one row, found as they are asked for; `at` is the JSON pointer of the row."""
    if not isinstance(row, dict):
        yield Fault(at, "expected an object with the fields " + ", ".join(_first(fields)), "wrong_type")
        return
    if len(row) > MAX_KEYS:
        yield Fault(at, f"has {len(row)} keys; at most {MAX_KEYS} are read", "too_many_keys")
        return
    yield from (_unknown(key, fields, at) for key in row if key not in fields)
    yield from _field_faults(row, fields, at)


def _field_faults(row: dict[str, Any], fields: Mapping[str, Field], at: str) -> Iterator[Fault]:
    for name, field in fields.items():
        where = f"{at}/{name}"
        if name in row:
            fault = _fault(row[name], field, where)
            if fault:
                yield fault
        elif not field.nullable:
            yield Fault(where, f"is missing; it must be {field.rule()}", "missing_feature", _first(field.values))


def row_of(row: dict[str, Any], fields: Mapping[str, Field], kind: type[RowT]) -> RowT:
    """A row without faults as the struct `kind`; 1.0 and 1e3 are whole numbers, however they are spelt."""
    whole = {name for name, field in fields.items() if field.kind == "integer"}
    known = {key: int(value) if key in whole and isinstance(value, float) else value for key, value in row.items()}
    try:
        return msgspec.convert(known, kind)
    except msgspec.ValidationError as refused:
        raise QuestionInvalid((Fault("#", str(refused), "invalid"),)) from None


def _unknown(key: str, fields: Mapping[str, Field], at: str) -> Fault:
    close = difflib.get_close_matches(key.lower()[:80], fields, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    shown = key[:80].replace("~", "~0").replace("/", "~1")
    return Fault(f"{at}/{shown}", f"is not a field of this model{hint}", "unknown_feature", _first(fields))


def _fault(value: Any, field: Field, at: str) -> Fault | None:
    if value is None:
        return (
            None
            if field.nullable
            else Fault(at, f"may not be null; it must be {field.rule()}", "wrong_type", _first(field.values))
        )
    if field.numeric:
        return _number_fault(value, field, at)
    if field.kind == "boolean":
        return None if isinstance(value, bool) else Fault(at, "must be true or false", "wrong_type")
    if not isinstance(value, str):
        return Fault(at, f"must be {field.rule()}, as a string", "wrong_type", _first(field.values))
    return _text_fault(value, field, at)


def _text_fault(value: str, field: Field, at: str) -> Fault | None:
    if "\x00" in value:
        return Fault(at, "contains the character U+0000, which cannot be stored", "invalid_string")
    if field.values and value not in field.values:
        return Fault(at, f"must be {field.rule()}", "unknown_category", _first(field.values))
    if field.kind == "audio" and not re.fullmatch(DIGEST, value):
        return Fault(at, f"must be {field.rule()}", "wrong_type")
    if field.max_length is not None and len(value) > field.max_length:
        return Fault(at, f"is longer than {field.max_length} characters", "out_of_range")
    return None


def _first(words: Iterable[str]) -> tuple[str, ...]:
    """As many as a refusal tells."""
    return tuple(islice(words, MOST_TOLD))


def _number_fault(value: Any, field: Field, at: str) -> Fault | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Fault(at, f"must be {field.rule()}, written as a JSON number", "wrong_type")
    largest = SAFE_INTEGER if field.kind == "integer" else sys.float_info.max
    if not abs(value) <= largest:  # so that what is not a number at all is refused too
        return Fault(at, f"is out of range; it must be {field.rule()}", "number_out_of_range")
    if field.kind == "integer" and isinstance(value, float) and not value.is_integer():
        return Fault(at, "must be a whole number", "wrong_type")
    outside = (
        (field.above is not None and value <= field.above)
        or (field.at_least is not None and value < field.at_least)
        or (field.below is not None and value >= field.below)
        or (field.at_most is not None and value > field.at_most)
    )
    return Fault(at, f"must be {field.rule()}", "out_of_range") if outside else None
