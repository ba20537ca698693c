"""The table `feature_rows`: every state of every entity of the feature tables; a state never changes, it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Row,
    String,
    Table,
    bindparam,
    func,
    insert,
    or_,
    select,
    update,
)  # fmt: skip

from assay.clock import now_us
from assay.domain.features.entity import Entity, subject_of
from assay.errors import EntityNotFound
from assay.store.audit import note
from assay.store.database import Database, metadata

feature_rows = Table(
    "feature_rows", metadata,
    Column("features", String(64), primary_key=True),
    Column("entity", String(128), primary_key=True),
    Column("at", BigInteger, primary_key=True, autoincrement=False),  # since when
    Column("told", String, nullable=False),  # JSON: the values by field
    Column("by", String(128), nullable=False),
    Column("ended_at", BigInteger),  # when it gave way to the next state, or was deleted
)  # fmt: skip
CHUNK = 500  # keys asked for in one query
NOW = feature_rows.c.ended_at.is_(None)
_KNOWN = select(feature_rows).where(feature_rows.c.features == bindparam("of_features"), NOW)
_ONE = _KNOWN.where(feature_rows.c.entity == bindparam("of_entity"))
_SOME = _KNOWN.where(feature_rows.c.entity.in_(bindparam("of_entities", expanding=True)))
_END = (
    update(feature_rows)
    .where(*(feature_rows.c[name] == bindparam(f"of_{name}") for name in ("features", "entity", "at")))
    .values(ended_at=bindparam("until"))
)


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What became of some rows: entities that are new, that are told otherwise now, and that are as they were."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0

    def __add__(self, other: Kept) -> Kept:
        return Kept(
            added=self.added + other.added, changed=self.changed + other.changed,
            unchanged=self.unchanged + other.unchanged,
        )  # fmt: skip


class FeatureRows:
    """The collection of all feature tables' rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, features: str, key: str) -> Entity:
        """What is known of an entity now; raises EntityNotFound."""
        found = self.look([(features, key)]).get((features, key))
        if found is None:
            raise EntityNotFound(features, key)
        return found

    def look(self, wanted: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Entity]:
        """What is known now of entities by table and key, of those that there are; one query a table and 500 keys."""
        by_table: dict[str, list[str]] = {}
        for features, key in dict.fromkeys(wanted):
            by_table.setdefault(features, []).append(key)
        found: dict[tuple[str, str], Entity] = {}
        with self._database.reading() as connection:
            for features, keys in by_table.items():
                found |= {(features, key): entity_of(row) for key, row in _standing(connection, features, keys).items()}
        return found

    def as_of(self, features: str, key: str, at: int) -> Entity:
        """What was known of an entity at a time; raises EntityNotFound."""
        query = select(feature_rows).where(*_of(features, key), *_at(at))
        with self._database.reading() as connection:
            row = connection.execute(query.order_by(feature_rows.c.at.desc()).limit(1)).first()
        if row is None:
            raise EntityNotFound(features, key)
        return entity_of(row)

    def states(self, features: str, keys: Sequence[str]) -> dict[str, list[Entity]]:
        """Every state of some entities, the oldest first, by key."""
        found: dict[str, list[Entity]] = {}
        with self._database.reading() as connection:
            for some in _chunks(keys):
                query = select(feature_rows).where(feature_rows.c.features == features, feature_rows.c.entity.in_(some))
                for row in connection.execute(query.order_by(feature_rows.c.entity, feature_rows.c.at)):
                    found.setdefault(row.entity, []).append(entity_of(row))
        return found

    def history(self, features: str, key: str, *, limit: int = 100, before: int | None = None) -> list[Entity]:
        """The states of an entity, the newest first, at most `limit`, and before a time if one is told."""
        query = select(feature_rows).where(*_of(features, key))
        query = query if before is None else query.where(feature_rows.c.at < before)
        with self._database.reading() as connection:
            return [entity_of(row) for row in connection.execute(query.order_by(feature_rows.c.at.desc()).limit(limit))]

    def page(self, features: str, *, limit: int = 100, after: str = "") -> list[Entity]:
        """At most `limit` entities by key, of those whose keys come after this one."""
        query = select(feature_rows).where(
            feature_rows.c.features == features, feature_rows.c.entity > after, NOW
        )  # fmt: skip
        with self._database.reading() as connection:
            return [entity_of(row) for row in connection.execute(query.order_by(feature_rows.c.entity).limit(limit))]

    def count(self, features: str) -> int:
        """How many entities there are; every row of the table is looked at."""
        query = select(func.count()).where(feature_rows.c.features == features, NOW)
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def known(self, features: str) -> bool:
        """Whether there is any entity."""
        with self._database.reading() as connection:
            query = select(feature_rows.c.at).where(feature_rows.c.features == features, NOW).limit(1)
            return connection.execute(query).first() is not None

    def put(self, features: str, rows: Mapping[str, str], by: str) -> Kept:
        """Keeps the values of entities by key, as `Features.told` writes them, all in one transaction.

        Values that are told as they are known already change nothing.
        """
        with self._database.writing() as connection:
            standing = _standing(connection, features, list(rows))
            changed = {key: row for key, row in standing.items() if row.told != rows[key]}
            added = [key for key in rows if key not in standing]
            last = _last(connection, features, [*added, *changed])
            now = now_us()
            # a clock that was set back must not make a state older than the one before it
            since = {key: max(now, last.get(key, 0) + 1) for key in (*added, *changed)}
            if changed:
                connection.execute(_END, [_ending(row, since[key]) for key, row in changed.items()])
            if since:
                connection.execute(insert(feature_rows), [
                    {"features": features, "entity": key, "at": at, "told": rows[key], "by": by, "ended_at": None}
                    for key, at in since.items()
                ])  # fmt: skip
        return Kept(added=len(added), changed=len(changed), unchanged=len(standing) - len(changed))

    def delete(self, features: str, key: str, by: str) -> None:
        """Ends what is known of an entity; what was known before can still be looked up. Raises EntityNotFound."""
        with self._database.writing() as connection:
            row = _standing(connection, features, [key]).get(key)
            if row is None:
                raise EntityNotFound(features, key)
            connection.execute(_END, [_ending(row, max(now_us(), row.at + 1))])
            note(connection, "entity.delete", subject_of(features, key), by=by)


def entity_of(row: Row[Any]) -> Entity:
    """The noun of a row."""
    return Entity(
        features=row.features, key=row.entity, values=msgspec.json.decode(row.told), at=row.at, by=row.by,
        ended_at=row.ended_at,
    )  # fmt: skip


def _standing(connection: Connection, features: str, keys: Sequence[str]) -> dict[str, Row[Any]]:
    found: dict[str, Row[Any]] = {}
    for some in _chunks(keys):
        asked = {"of_features": features} | ({"of_entity": some[0]} if len(some) == 1 else {"of_entities": [*some]})
        rows = connection.execute(_ONE if len(some) == 1 else _SOME, asked)
        found |= {row.entity: row for row in rows}
    return found


def _last(connection: Connection, features: str, keys: Sequence[str]) -> dict[str, int]:
    """Since when, or until when, anything is known of some entities."""
    found: dict[str, int] = {}
    until = func.max(func.coalesce(feature_rows.c.ended_at, feature_rows.c.at))
    for some in _chunks(keys):
        query = select(feature_rows.c.entity, until).where(
            feature_rows.c.features == features, feature_rows.c.entity.in_(some)
        )
        found |= {str(key): int(at) for key, at in connection.execute(query.group_by(feature_rows.c.entity))}
    return found


def _chunks(keys: Sequence[str]) -> list[Sequence[str]]:
    return [keys[start : start + CHUNK] for start in range(0, len(keys), CHUNK)]


def _of(features: str, key: str) -> tuple[ColumnElement[bool], ...]:
    return feature_rows.c.features == features, feature_rows.c.entity == key


def _at(at: int) -> tuple[ColumnElement[bool], ...]:
    return feature_rows.c.at <= at, or_(NOW, feature_rows.c.ended_at > at)


def _ending(row: Row[Any], until: int) -> dict[str, Any]:
    return {"of_features": row.features, "of_entity": row.entity, "of_at": row.at, "until": until}
