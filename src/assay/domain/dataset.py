"""A dataset: an immutable snapshot of training rows, named by its content."""

from __future__ import annotations

from typing import Any

import msgspec


class PartFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the rows of one file, object or query.

    Of its `rows`, `removed` were set aside, `known` stand in the parent, `duplicates` are equal to another, and `fresh`
    were added. `refused` names the defect for which the whole part was left out, and `evidence` says it in figures.
    """

    name: str
    rows: int
    fresh: int = 0
    known: int = 0
    removed: int = 0
    duplicates: int = 0
    refused: str = ""
    evidence: str = ""


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """`id` is the sha256 of the kept rows' file; rows that the cleaning rule set aside are kept in `removed_file`.

    A snapshot with a `parent` holds those of its rows that are still there, each on its side, and `fresh` ones. `held_out`
    of the `rows` are not learnt from. `profile` says of each column how its values are spread, as
    `training/fresh/profile.py` makes it. `learnt_by` is the digest of the code with which every recipe has been through
    it, up to the gate; None while a training is under way, or was cut off.
    """

    id: str
    model: str
    created_at: int
    source: str
    rows: int
    removed: int
    columns: dict[str, str]
    removed_file: str | None = None
    parent: str | None = None
    fresh: int = 0
    held_out: int = 0
    duplicates: int = 0
    parts: tuple[PartFacts, ...] = ()
    profile: dict[str, Any] = {}
    learnt_by: str | None = None
