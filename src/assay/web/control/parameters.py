"""The parameters of an address, read strictly: each once, each known, each within its rule."""

from __future__ import annotations

import difflib
import re
from typing import Any, TypeVar

import msgspec
from fastapi import Request

from assay.clock import parse_iso
from assay.errors import Fault, ParameterInvalid, QuestionInvalid, VersionNotFound
from assay.store.paging import MAX_LIMIT, Window

PAGING = ("limit", "cursor", "since", "until")
WantedT = TypeVar("WantedT", bound=msgspec.Struct)
UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL)
DECIMAL = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,12})?")
WHOLE = frozenset(("limit", "status", "version"))


def documented(**told: str) -> dict[str, Any]:
    """Parameters as OpenAPI describes them: names with what they mean, and those of every list."""
    meant = told | {
        "limit": f"at most so many entries, 1 to {MAX_LIMIT} (100)", "cursor": "`next_cursor` of the page before",
        "since": "not before this time (ISO 8601 with a zone)", "until": "before this time (ISO 8601 with a zone)",
    }  # fmt: skip
    whole = {"type": "integer"}
    described = [
        {"name": name, "in": "query", "description": text, "schema": whole if name in WHOLE else {"type": "string"}}
        for name, text in meant.items()
    ]
    return {"parameters": described}


class Parameters:
    """The parameters of one request; raises ParameterInvalid, which names the parameter and its rule."""

    def __init__(self, request: Request, *known: str) -> None:
        self._told: dict[str, str] = {}
        for name, value in request.query_params.multi_items():
            if name not in known:
                raise ParameterInvalid(name[:80], f"is not a parameter here; known are {', '.join(known) or 'none'}")
            if name in self._told:
                raise ParameterInvalid(name, "stands twice")
            if "\x00" in value:
                raise ParameterInvalid(name, "contains the character U+0000")
            self._told[name] = value

    def text(self, name: str) -> str | None:
        """The parameter as it was sent."""
        return self._told.get(name)

    def whole(self, name: str, *, low: int, high: int) -> int | None:
        """The parameter as a whole number within its range."""
        told = self._told.get(name)
        if told is None:
            return None
        if not (told.isascii() and told.isdigit()) or len(told) > 18 or not low <= int(told) <= high:
            raise ParameterInvalid(name, f"must be a whole number from {low} to {high}")
        return int(told)

    def number(self, name: str, *, low: float, high: float) -> float | None:
        """The parameter as a decimal number within its range."""
        told = self._told.get(name)
        if told is None:
            return None
        if not DECIMAL.fullmatch(told) or not low <= float(told) <= high:
            raise ParameterInvalid(name, f"must be a number from {low:g} to {high:g}")
        return float(told)

    def moment(self, name: str) -> int | None:
        """The parameter as microseconds, from ISO 8601 with a zone."""
        told = self._told.get(name)
        if told is None:
            return None
        try:
            return parse_iso(told.replace(" ", "+"))  # an unescaped plus arrives as a space
        except (ValueError, OverflowError):
            raise ParameterInvalid(name, "must be a time such as 2026-03-03T12:00:00Z") from None

    def window(self) -> Window:
        """The part of a list that is asked for."""
        since, until = self.moment("since"), self.moment("until")
        if since is not None and until is not None and since >= until:
            raise ParameterInvalid("until", "must be later than since")
        limit = self.whole("limit", low=1, high=MAX_LIMIT)
        return Window(limit=limit or 100, cursor=self.text("cursor"), since=since, until=until)


def version_number(name: str, told: str) -> int:
    """A version's number from the address; raises VersionNotFound."""
    if not (told.isascii() and told.isdigit()) or len(told) > 9:
        raise VersionNotFound(name, told)
    return int(told)


def body_as(body: bytes, kind: type[WantedT]) -> WantedT:
    """A short body as this type, none as an empty object; raises QuestionInvalid, which names the part and its rule."""
    try:
        return msgspec.json.decode(body.strip() or b"{}", type=kind)
    except msgspec.ValidationError as refused:
        raise QuestionInvalid((_fault(str(refused), kind),)) from None


def _fault(told: str, kind: type[msgspec.Struct]) -> Fault:
    said, _, place = told.partition(" - at `$")
    unknown = UNKNOWN.fullmatch(said)
    if unknown is None:
        return Fault(
            "#" + place.rstrip("`").partition("[")[0].replace(".", "/"), said[:1].lower() + said[1:], "invalid"
        )
    name, known = unknown["name"], kind.__struct_fields__
    near = difflib.get_close_matches(name.lower()[:80], known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    pointer = name[:80].replace("~", "~0").replace("/", "~1")
    return Fault(f"#/{pointer}", f"is not known here{hint}", "unknown_feature", known)
