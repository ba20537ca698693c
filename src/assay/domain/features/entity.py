"""An entity: what somebody or something was known to be, from one moment on."""

from __future__ import annotations

from typing import Any

import msgspec


class Entity(msgspec.Struct, frozen=True, kw_only=True):
    """One state of an entity of a feature table: its values by field, since `at` and until `ended_at` (microseconds, UTC).

    The state that holds now has no end. `by` is who told it.
    """

    features: str
    key: str
    values: dict[str, Any]
    at: int
    by: str = ""
    ended_at: int | None = None

    @property
    def subject(self) -> str:
        """The entity as the record names it."""
        return subject_of(self.features, self.key)


def subject_of(features: str, key: str) -> str:
    """An entity as the record names it: the table's name, "/" and the key."""
    return f"{features}/{key}"
