"""The table `items`: inputs that are kept, each the content of a name from one moment on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    Row,
    Select,
    String,
    Table,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    update,
)  # fmt: skip

from assay.clock import now_us
from assay.domain.items.item import Item, Sound
from assay.errors import ItemNotFound
from assay.store.audit import note
from assay.store.database import Database, metadata
from assay.store.datasets import datasets
from assay.store.items.holds import holds
from assay.store.items.refusals import refusals
from assay.store.paging import Page, Window, page_of, window
from assay.store.uploads import uploads

_LIVE = text("ended_at IS NULL")
_UNCLEARED = text("ended_at IS NOT NULL AND cleared_at IS NULL")
items = Table(
    "items", metadata,
    Column("sequence", Integer, primary_key=True),  # given by the database: the order of their coming
    Column("id", String(32), nullable=False, unique=True),
    Column("at", BigInteger, nullable=False),
    Column("collection", String(64), nullable=False),
    Column("name", String(255), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("format", String(8), nullable=False),
    Column("rate", Integer, nullable=False),
    Column("channels", Integer, nullable=False),
    Column("frames", BigInteger, nullable=False),
    Column("notes", String, nullable=False),  # JSON
    Column("origin", String(16), nullable=False),
    Column("place", String, nullable=False),
    Column("by", String(128), nullable=False),
    Column("ended_at", BigInteger),
    Column("ending", String(16), nullable=False),
    Column("cleared_at", BigInteger),  # when its bytes went, or were found to be needed by something else
    Index("ix_items_live", "collection", "name", unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE),
    Index("ix_items_uncleared", "sequence", unique=True, sqlite_where=_UNCLEARED, postgresql_where=_UNCLEARED),
    Index("ix_items_coming", "collection", "sequence", sqlite_where=_LIVE, postgresql_where=_LIVE),
    Index("ix_items_name", "collection", "name", "sequence"),
    Index("ix_items_newest", "collection", "id"),
    Index("ix_items_digest", "digest"),
)  # fmt: skip
LIVE = items.c.ended_at.is_(None)
SOUND = Sound.__struct_fields__
LAST = chr(0x10FFFF)  # comes after every character


class KeptItems:
    """The collections of items. An item never changes: other bytes under its name are another item."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, collection: str, name: str) -> Item:
        """The item that lives under the name; raises ItemNotFound."""
        with self._database.reading() as connection:
            return find(connection, collection, name)

    def page(self, collection: str, *, limit: int = 100, after: str = "", prefix: str = "") -> list[Item]:
        """At most so many live items, sorted by name, of those whose names come after `after` and begin with `prefix`."""
        # one bound below: of two, SQLite begins at the first, however many names lie between
        first = items.c.name >= prefix if prefix > after else items.c.name > after
        query = select(items).where(items.c.collection == collection, LIVE, first)
        if prefix:
            query = query.where(items.c.name < prefix + LAST)
        with self._database.reading() as connection:
            return [item_of(row) for row in connection.execute(query.order_by(items.c.name).limit(limit))]

    def newest(self, collection: str, asked: Window) -> Page[Item]:
        """The live items, those that came last first."""
        query = select(items).where(items.c.collection == collection, LIVE)
        with self._database.reading() as connection:
            return page_of([item_of(row) for row in connection.execute(window(query, items.c, asked))], asked)

    def revisions(self, collection: str, name: str, limit: int = 1_000) -> list[Item]:
        """The items that have had the name, the newest first, at most so many."""
        query = select(items).where(items.c.collection == collection, items.c.name == name)
        with self._database.reading() as connection:
            return [item_of(row) for row in connection.execute(query.order_by(items.c.sequence.desc()).limit(limit))]

    def adds(self, item: Item) -> bool:
        """Whether `add` would add it."""
        with self._database.reading() as connection:
            return known(connection, item) is None

    def counts(self) -> dict[str, int]:
        """How many live items each collection has that has any."""
        query = select(items.c.collection, func.count()).where(LIVE).group_by(items.c.collection)
        with self._database.reading() as connection:
            return {str(name): int(count) for name, count in connection.execute(query)}

    def places(self, collection: str, names: Sequence[str] | None = None) -> dict[str, str]:
        """How each watched file, or each of these, was when it was taken in last, by name, whether or not it has ended."""
        query = select(items.c.name, items.c.place).where(items.c.collection == collection, items.c.place != "")
        query = query if names is None else query.where(items.c.name.in_(names))
        with self._database.reading() as connection:
            return {str(name): str(place) for name, place in connection.execute(query.order_by(items.c.sequence))}

    def uncleared(self, limit: int) -> list[Item]:
        """Items that have ended, and whose bytes nobody has looked to yet; the oldest first."""
        query = select(items).where(items.c.ended_at.is_not(None), items.c.cleared_at.is_(None))
        with self._database.reading() as connection:
            return [item_of(row) for row in connection.execute(query.order_by(items.c.sequence).limit(limit))]

    def clear(self, ids: Sequence[str]) -> None:
        """The bytes of these items have been looked to."""
        with self._database.writing() as connection:
            connection.execute(update(items).where(items.c.id.in_(ids)).values(cleared_at=now_us()))

    def named(self, digest: str) -> bool:
        """Whether a live item, a snapshot or an upload still needs these bytes; ask within the store's turn."""
        uses: list[Select[Any]] = [select(items.c.id).where(items.c.digest == digest, LIVE)]
        uses += [select(holds.c.file).where(holds.c.file == digest)]
        uses += [select(uploads.c.id).where(uploads.c.file == digest)]
        uses += [select(datasets.c.id).where(or_(datasets.c.id == digest, datasets.c.removed_file == digest))]
        with self._database.reading() as connection:
            return any(connection.execute(use.limit(1)).first() is not None for use in uses)


def add(connection: Connection, item: Item) -> tuple[Item, bool]:
    """Adds an item within the caller's transaction; the one that is there and False if its bytes are known already.

    Other bytes under the name end the item that was there. A watched file whose bytes are those that it had when it was
    taken in last adds nothing, however new it is: what was deleted or replaced since then stays so.
    """
    there = _live(connection, item.collection, item.name)
    same = known(connection, item)
    connection.execute(delete(refusals).where(refusals.c.collection == item.collection, refusals.c.name == item.name))
    if same is not None:
        if item.place and same.place != item.place:
            connection.execute(update(items).where(items.c.id == same.id).values(place=item.place))
            same = msgspec.structs.replace(same, place=item.place)
        return same, False
    if there is not None:
        end(connection, there, "replaced")
        was, now = ({"id": one.id, "digest": one.digest} for one in (there, item))
        note(connection, "item.replace", subject_of(item), by=item.by, before=was, after=now)
    connection.execute(insert(items).values(_values(item)))
    return item, True


def known(connection: Connection, item: Item) -> Item | None:
    """The item that the bytes are already: that which lives under the name, or which the watched file became last."""
    there = _live(connection, item.collection, item.name)
    if there is not None and there.digest == item.digest:
        return there
    last = _last_placed(connection, item.collection, item.name) if item.place else None
    return last if last is not None and last.digest == item.digest else None


def find(connection: Connection, collection: str, name: str) -> Item:
    """The item that lives under the name, within the caller's transaction; raises ItemNotFound."""
    found = _live(connection, collection, name)
    if found is None:
        raise ItemNotFound(collection, name)
    return found


def end(connection: Connection, item: Item, how: str) -> None:
    """Ends an item within the caller's transaction."""
    connection.execute(update(items).where(items.c.id == item.id).values(ended_at=now_us(), ending=how))


def subject_of(item: Item) -> str:
    """The item as the audit names it."""
    return f"{item.collection}/{item.name}"


def item_of(row: Row[Any]) -> Item:
    """The noun of a row."""
    return item_with(row._mapping)


def item_with(told: Mapping[Any, Any]) -> Item:
    """The noun with these values of the table's columns."""
    kept = dict(told)
    del kept["sequence"], kept["cleared_at"]
    sound = {name: kept.pop(name) for name in SOUND}
    sound["notes"] = msgspec.json.decode(sound["notes"], type=tuple[str, ...])
    return Item(sound=Sound(**sound), **kept)


def _live(connection: Connection, collection: str, name: str) -> Item | None:
    query = select(items).where(items.c.collection == collection, items.c.name == name, LIVE)
    row = connection.execute(query).first()
    return item_of(row) if row else None


def _last_placed(connection: Connection, collection: str, name: str) -> Item | None:
    """The item that a watched file of this name became last."""
    mine = (items.c.collection == collection, items.c.name == name, items.c.place != "")
    row = connection.execute(select(items).where(*mine).order_by(items.c.sequence.desc()).limit(1)).first()
    return item_of(row) if row else None


def _values(item: Item) -> dict[str, Any]:
    made = msgspec.structs.asdict(item)
    sound = msgspec.structs.asdict(made.pop("sound"))
    return made | sound | {"notes": msgspec.json.encode(item.sound.notes).decode()}
