"""The strict front door of a question: bytes in, typed rows out, or every fault named.

The common case is one pass of a compiled decoder. Only what that pass refuses, or what it cannot vouch for (a key that
stands twice), is read again slowly, so that good questions never pay for the helpfulness towards bad ones.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, NoReturn

import msgspec

from assay.domain.question.contract import Contract
from assay.domain.question.faults import row_faults, row_of
from assay.errors import (
    DuplicateKey,
    Fault,
    MalformedEncoding,
    MalformedJson,
    QuestionInvalid,
    TooDeep,
    TooManyRows,
)  # fmt: skip

MAX_DEPTH = 32
MAX_FAULTS = 100
MAX_NUMBER_LENGTH = 400
# A string (one that is not closed reaches to the end, so that nothing is scanned twice) or a bracket.
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{}]', re.DOTALL)


class QuestionReader:
    """Reads the questions of one contract; made once, used by any thread."""

    def __init__(self, contract: Contract, max_rows: int = 10_000) -> None:
        self._contract = contract
        self._max_rows = max_rows
        self._one = msgspec.json.Decoder(contract.question)
        self._many = msgspec.json.Decoder(list[contract.question])  # type: ignore[name-defined]  # made at run time
        self._quotes = 2 * (len(contract.fields) + contract.words) if contract.words >= 0 else -1

    def read(self, body: bytes) -> tuple[list[Any], bool]:
        """The rows, and whether the body was one object rather than a list.

        Raises MalformedJson, MalformedEncoding, DuplicateKey, TooDeep, TooManyRows or QuestionInvalid.
        """
        single = body[:1] == b"{" or body.lstrip()[:1] == b"{"
        try:
            rows: list[Any] = [self._one.decode(body)] if single else self._many.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._read_slowly(body)
        # A complete question has a known number of quotation marks; another number may hide a key that stands twice.
        if body.count(b'"') != self._quotes * len(rows) or not 0 < len(rows) <= self._max_rows:
            return self._read_slowly(body)
        return rows, single

    def take(self, asked: Any) -> Any:
        """One row from values that are already parsed; raises QuestionInvalid."""
        _refuse(row_faults(asked, self._contract.fields, "#"))
        return row_of(asked, self._contract.fields, self._contract.question)

    def _read_slowly(self, body: bytes) -> tuple[list[Any], bool]:
        asked = strict_json(body)
        if isinstance(asked, dict):
            return [self.take(asked)], True
        if not isinstance(asked, list):
            raise QuestionInvalid(
                (Fault("#", f"expected an object or a list of them, not {kind_of(asked)}", "wrong_type"),)
            )
        if not asked:
            raise QuestionInvalid((Fault("#", "the list is empty", "empty_batch"),))
        if len(asked) > self._max_rows:
            raise TooManyRows(len(asked), self._max_rows)
        _refuse(fault for i, row in enumerate(asked) for fault in row_faults(row, self._contract.fields, f"#/{i}"))
        return [row_of(row, self._contract.fields, self._contract.question) for row in asked], False


def _refuse(faults: Iterator[Fault]) -> None:
    """Raises QuestionInvalid with the first faults; the search ends there, for a long list may be full of them."""
    found = tuple(islice(faults, MAX_FAULTS))
    if found:
        raise QuestionInvalid(found, more=next(faults, None) is not None)


def strict_json(body: bytes) -> Any:
    """JSON without what other readers let pass: doubled keys, NaN, broken Unicode, boundless depth.

    Raises MalformedJson, MalformedEncoding, DuplicateKey or TooDeep. Numbers beyond a double come back as infinite.
    """
    if not body.strip():
        raise MalformedJson("The body is empty.")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as broken:
        raise MalformedEncoding(f"The body is not UTF-8: byte {broken.start}.") from None
    if text[0] == "\ufeff":
        raise MalformedJson("The body begins with a byte-order mark; send UTF-8 without one.")
    _check_depth(text)
    try:
        msgspec.json.decode(body)  # its message names the byte; broken surrogates and NaN are refused here
    except msgspec.ValidationError:
        pass  # a number out of range: found again below, where the field can be named
    except msgspec.DecodeError as malformed:
        raise MalformedJson(str(malformed).rstrip(".") + ".") from None
    try:
        return json.loads(
            text, object_pairs_hook=_once, parse_constant=_refuse_constant, parse_int=_integer, parse_float=_real
        )
    except json.JSONDecodeError as malformed:
        raise MalformedJson(f"JSON is malformed: {malformed.msg} (character {malformed.pos}).") from None


def kind_of(value: Any) -> str:
    """What a JSON value is, in JSON's words."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _check_depth(text: str) -> None:
    depth = 0
    for token in _TOKEN.finditer(text):
        mark = text[token.start()]
        if mark == '"':
            continue
        depth += 1 if mark in "[{" else -1
        if depth > MAX_DEPTH:
            raise TooDeep


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise DuplicateKey(key)
            seen.add(key)
    return made


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedJson(f"JSON is malformed: {name} is not a number in JSON.")


def _integer(digits: str) -> int | float:
    # beyond this length no double can hold it, and Python's own conversion takes quadratic time
    return int(digits) if len(digits) <= MAX_NUMBER_LENGTH else math.inf


def _real(digits: str) -> float:
    return float(digits)
