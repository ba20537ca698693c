"""Rows that clients give: a named dataset, and the uploads that it is made of."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

Format = Literal["csv", "parquet", "jsonl"]
TYPES: dict[str, Format] = {
    "text/csv": "csv", "application/vnd.apache.parquet": "parquet", "application/x-ndjson": "jsonl", "application/jsonl": "jsonl",
}  # fmt: skip
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
# Words that mean something else in an address or to a program, and the names of devices.
RESERVED = frozenset(
    ("latest", "null", "none", "true", "false", "con", "prn", "aux", "nul", *(f"com{i}" for i in range(1, 10)),
     *(f"lpt{i}" for i in range(1, 10)))
)  # fmt: skip


class NamedDataset(msgspec.Struct, frozen=True, kw_only=True):
    """A name under which rows for a model are gathered; `id` is new each time that the name is created anew.

    `rows` can be learnt from, `removed` are set aside, over all of its `parts`.
    """

    id: str
    name: str
    model: str
    at: int
    parts: int = 0
    rows: int = 0
    removed: int = 0


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a named dataset: a file of `size` bytes that is kept under its sha256, `file`.

    `rows` of it can be learnt from; `removed` are set aside when it is read, for `reasons` that are counted.
    """

    id: str
    dataset: str
    at: int
    file: str
    size: int
    format: Format
    rows: int
    removed: int
    reasons: dict[str, int] = {}
    by: str = ""


def acceptable(name: str) -> bool:
    """Whether a dataset may have this name."""
    return bool(NAME.fullmatch(name)) and not name.endswith(".") and name.partition(".")[0] not in RESERVED
