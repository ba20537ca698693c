"""A refusal: a watched file that is no item, why, and how it was when it was refused."""

from __future__ import annotations

import msgspec


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """`place` is what tells whether the file has changed since; until then it is not looked into again."""

    collection: str
    name: str
    place: str
    at: int
    code: str
    error: str
