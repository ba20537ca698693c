"""Loading a feature table from wherever its rows are, chunk by chunk; whoever is stopped loads again and loses nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from assay.domain.features.table import Features
from assay.errors import DataInvalid, EntityKeyInvalid, Fault, QuestionInvalid
from assay.store.databases.checkpointing import checkpoint
from assay.store.features.rows import Kept

if TYPE_CHECKING:
    from assay.app import Assay

Heard = Callable[[str, int, int], None]
Read = Callable[[Any], dict[str, Any]]
OF = 1_000  # how finely it is told how far the work is
FEW = 5  # refused rows of which it is told why
GATHERED = 100_000  # rows that are held, to be written in the order of their keys
AT_ONCE = 2_000  # rows of one transaction
OWN = "data.py"


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """What came of loading a table: rows read, what became of their entities, and why rows were refused, by code.

    `examples` are sentences about the first rows that were refused.
    """

    features: str
    source: str
    rows: int = 0
    kept: Kept = Kept()
    refused: dict[str, int] = {}
    examples: tuple[str, ...] = ()


class Taken(NamedTuple):
    """Rows that hold, as they are kept, by key; and what is wrong with the others, by their place."""

    rows: dict[str, str]
    wrong: dict[int, tuple[Fault, ...]]


def load(
    assay: Assay, table: Features, place: str | None, by: str, *, query: str | None = None,
    heard: Heard = lambda *_: None,
) -> Loaded:  # fmt: skip
    """Keeps the rows at a place (a path, glob, or address), or those that `data.py` gives by a function of the table's name.

    Some thousand rows are one transaction. A row that breaks a rule is refused alone; of rows with one key the last counts. Raises
    DataInvalid where nothing can be read or no row holds, and ApplicationInvalid.
    """
    rows, refused, examples = 0, Counter[str](), list[str]()
    writing = _Writing(assay, table, by)
    for chunk, share, texts in _chunks(assay, table, place, query):
        taken = take(table, chunk, table.from_texts if texts else table.from_columns)
        for at, faults in taken.wrong.items():
            refused[faults[0].code] += 1
            if len(examples) < FEW:
                examples.append(f"row {rows + at + 1:,}: {faults[0].pointer}: {faults[0].detail}")
        rows += len(chunk)
        writing.take(taken.rows)
        heard(f"{rows:,} rows", round(share * OF), OF)
    kept = writing.end()
    source = OWN if place is None else place.rpartition("@")[2]
    if rows == sum(refused.values()):
        raise DataInvalid(f"{source}: no row can be kept in {table.name!r}; {'; '.join(examples) or 'there is none'}.")
    return Loaded(
        features=table.name, source=source, rows=rows, kept=kept, refused=dict(refused), examples=tuple(examples)
    )


class _Writing:
    """Gathers rows, and writes them sorted by key: neighbours in the index are written together, and once.

    Each transaction is short, so that whoever records meanwhile does not wait for the table.
    """

    def __init__(self, assay: Assay, table: Features, by: str) -> None:
        self._assay, self._table, self._by = assay, table, by
        self._gathered: dict[str, str] = {}
        self._kept = Kept()

    def take(self, rows: Mapping[str, str]) -> None:
        """More rows; those of a key that waits are overtaken."""
        self._gathered.update(rows)
        if len(self._gathered) >= GATHERED:
            self._write()

    def end(self) -> Kept:
        """What became of all rows."""
        self._write()
        return self._kept

    def _write(self) -> None:
        keys, store = sorted(self._gathered), self._assay.features
        for start in range(0, len(keys), AT_ONCE):
            some = {key: self._gathered[key] for key in keys[start : start + AT_ONCE]}
            self._kept += store.put(self._table.name, some, self._by)
        self._gathered = {}
        checkpoint(self._assay.database)


def take(table: Features, rows: Iterable[Mapping[str, Any]], read: Read) -> Taken:
    """Rows of key and values as they are kept; `read` makes values of a row."""
    found: dict[str, str] = {}
    wrong: dict[int, tuple[Fault, ...]] = {}
    for at, row in enumerate(rows):
        try:
            found[table.key_of(row.get(table.key) or "")] = table.told(read(row))
        except (EntityKeyInvalid, QuestionInvalid) as refused:
            wrong[at] = refused.faults
    return Taken(found, wrong)


def _chunks(assay: Assay, table: Features, place: str | None, query: str | None) -> Iterator[Any]:
    from assay.sources.streaming.chunks import CHUNK, stream  # polars: only loading pays for its import

    if place is not None:
        yield from stream(place, query)
        return
    own = assay.application.own_rows(table.name)
    rows = len(own)
    for start in range(0, rows, CHUNK):
        some = own[start : start + CHUNK]
        yield some.to_dicts() if hasattr(some, "to_dicts") else some, min(start + CHUNK, rows) / rows, False
