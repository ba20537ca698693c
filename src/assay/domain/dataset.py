"""A dataset: an immutable snapshot of training rows, named by its content."""

from __future__ import annotations

import msgspec


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """`id` is the sha256 of the kept rows' file; rows that the cleaning rule set aside are kept in `removed_file`."""

    id: str
    model: str
    created_at: int
    source: str
    rows: int
    removed: int
    columns: dict[str, str]
    removed_file: str | None = None
