"""A feature table: entities with what is known of them, one declaration for learning and for answering."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, Protocol

import msgspec

from assay.domain.features.entity import Entity
from assay.domain.question.contract import question_type
from assay.domain.question.field import Field, audio_field
from assay.domain.question.input import Input
from assay.errors import ApplicationInvalid, EntityKeyInvalid, NotServing

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
LONGEST_KEY = 128
AS_OF = "as_of"  # a column of training rows: when the features were looked at
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
NO_TEXT = b"\\u0000"
RULES = {
    "text": f"must have 1 to {LONGEST_KEY} printable characters, none of them a slash",
    "uuid": "must be a UUID such as e337a675-46f5-437e-aa72-5d43643b5461",
}
_encode = msgspec.json.Encoder().encode


class Looking(Protocol):
    """What a served feature table can do; the running application provides it."""

    async def find(self, key: str) -> Entity: ...
    async def as_of(self, key: str, at: int) -> Entity: ...


@dataclass
class Features:
    """A table with a name, in which every entity has the fields of `input` under its key.

    `key` is the column of files and rows that holds the key, a text, or a UUID with `form="uuid"`. A model that says
    `features=` this table learns from rows of key and target joined with it, and answers for an entity by looking here.
    """

    name: str
    input: type[Input]
    key: str = "id"
    form: Literal["text", "uuid"] = "text"
    answering: Looking | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ApplicationInvalid(
                f"{self.name!r} cannot name a feature table: lower-case letters, digits, '.', '_' and '-'."
            )
        if self.form not in RULES:
            raise ApplicationInvalid(f"The keys of {self.name!r} are of the form 'text' or 'uuid', not {self.form!r}.")
        if not self.key or self.key in self.fields or self.key == AS_OF:
            raise ApplicationInvalid(
                f"{self.key!r} holds the keys of {self.name!r} and cannot be a feature, nor be called {AS_OF!r}."
            )
        if not self.fields or audio_field(self.fields) is not None:
            raise ApplicationInvalid(f"The feature table {self.name!r} needs fields, none of them a recording.")

    @property
    def fields(self) -> dict[str, Field]:
        """The features in their order."""
        return self.input.assay_fields

    def key_of(self, told: Any) -> str:
        """A key as the store knows it, UUIDs in lower case; raises EntityKeyInvalid."""
        key = str(told).lower() if self.form == "uuid" else str(told)
        if self.form == "uuid":
            good = UUID.fullmatch(key) is not None
        else:
            good = 0 < len(key) <= LONGEST_KEY and key.isprintable() and "/" not in key and key == key.strip()
        if not good:
            raise EntityKeyInvalid(self.key, RULES[self.form])
        return key

    def told(self, values: Any) -> str:
        """Values as they are kept: JSON with every field in its order, so that equal values are equal texts.

        Raises QuestionInvalid, which names every fault.
        """
        try:
            text = _encode(self._decode(_encode(values)))
        except (msgspec.MsgspecError, TypeError, ValueError):
            text = NO_TEXT
        if NO_TEXT in text:  # found again slowly, where every fault can be named
            taken = self.input.take(values)
            text = _encode(self._kind(**{name: getattr(taken, name) for name in self.fields}))
        return text.decode()

    def from_columns(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The values of a row of a table; others of its columns are passed over, and nothing stands for an empty text."""
        found = {}
        for name, said in self.fields.items():
            value = row.get(name)
            empty = value is None and said.kind == "text" and not said.nullable
            found[name] = "" if empty else value
        return found

    def from_texts(self, row: Mapping[str, str]) -> dict[str, Any]:
        """The same where all values are texts, as in CSV; an empty one is no number and no word."""
        found: dict[str, Any] = {}
        for name, said in self.fields.items():
            value = row.get(name, "")
            if said.kind == "text":
                found[name] = value or (None if said.nullable else "")
            else:
                found[name] = READ.get(said.kind, str)(value) if value else None
        return found

    def from_object(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Everything that a row says besides its key."""
        return {name: value for name, value in row.items() if name != self.key}

    async def find(self, key: str) -> Entity:
        """What is known of an entity now; raises EntityKeyInvalid or EntityNotFound."""
        return await self._served().find(key)

    async def as_of(self, key: str, at: int) -> Entity:
        """What was known of it at a time (microseconds, UTC); raises EntityKeyInvalid or EntityNotFound."""
        return await self._served().as_of(key, at)

    def _served(self) -> Looking:
        if self.answering is None:
            raise NotServing(
                f"The feature table {self.name!r} is not being served in this process; start `assay serve`."
            )
        return self.answering

    @cached_property
    def _kind(self) -> Any:
        return question_type("Row", dict(self.fields))

    @cached_property
    def _decode(self) -> Any:
        return msgspec.json.Decoder(self._kind).decode


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text  # refused where the field can be named


def _whole(text: str) -> int | float | str:
    try:
        return int(text)
    except ValueError:
        return _number(text)


def _flag(text: str) -> bool | str:
    return {"true": True, "false": False, "1": True, "0": False}.get(text.strip().lower(), text)


READ = {"number": _number, "integer": _whole, "boolean": _flag}
