"""Groups of complete sets, each kept in one transaction with its standings, failures and counters, or not at all."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec
from sqlalchemy import Connection, delete, select, update

from assay.domain.items.score import Score, Standing
from assay.domain.releases.rollout import Rollout
from assay.store.database import Database
from assay.store.items.failures import Failed, fail, failures, succeed
from assay.store.items.items import items
from assay.store.items.scores import add, scores
from assay.store.items.standings import stand, standings
from assay.store.items.sweeps import count
from assay.store.releases.rollouts import ruling


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """What a version said of some items, and what it could not say; `sweep` is the sweep's id.

    `took_us` is the model's own time, `spent_us` all that has passed since the group before.
    """

    sweep: str
    model: str
    version: int
    sets: Sequence[Score] = ()
    failed: Sequence[Failed] = ()
    took_us: int = 0
    spent_us: int = 0


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a group: new sets, those of them that readers are given now, and items that failed."""

    scored: int
    standing: int
    failed: int


class Groups:
    """The one way in for scores.

    Not `whole`, a set is kept in two parts and stands before it is complete, whoever rules: to show what groups are for.
    """

    def __init__(self, database: Database, *, whole: bool = True) -> None:
        self._database = database
        self._whole = whole

    def add(self, group: Group) -> Kept:
        """Keeps what is not there yet. Raises StoreUnavailable, or what the database's fence raises.

        An item that was deleted meanwhile gets nothing, and one that was replaced no standing. Which version stands is
        decided by who rules as the group is kept, and not as it was made.
        """
        if not self._whole:
            return self._add_in_parts(group)
        with self._database.writing() as connection:
            return self._add(connection, group)

    def stand(self, sets: Sequence[Standing], decision: int) -> int | None:
        """Sets of one model that are there already are given to readers, by this decision; None if it rules no longer."""
        if not sets:
            return 0
        with self._database.writing() as connection:
            rules = ruling(connection, sets[0].model)
            if rules is None or rules.sequence != decision:
                return None
            live = _live(connection, [one.item for one in sets])
            return len(stand(connection, [one for one in sets if one.item in live]))

    def _add(self, connection: Connection, group: Group) -> Kept:
        there = _there(connection, [*(one.item for one in group.sets), *(one.item for one in group.failed)])
        made = add(connection, [one for one in group.sets if one.item in there])
        forgotten = succeed(connection, group.model, group.version, [one.item for one in made])
        stood = self._stand(connection, group, made, there)
        failed = [one for one in group.failed if one.item in there and there[one.item].live]
        new = fail(connection, group.model, group.version, failed, self._database.now(connection))
        count(
            connection, group.sweep, scored=len(made), failed=len(failed), settled=len(made) - forgotten + new,
            took_us=group.took_us, spent_us=group.spent_us,
        )  # fmt: skip
        return Kept(scored=len(made), standing=stood, failed=len(failed))

    def _stand(self, connection: Connection, group: Group, made: Sequence[Score], there: dict[str, _There]) -> int:
        rules = ruling(connection, group.model)
        if rules is None:
            return 0
        standing = [
            _standing(one, rules, self._database.now(connection))
            for one in made
            if there[one.item].live and (not self._whole or rules.choose(there[one.item].digest) == one.version)
        ]
        return len(stand(connection, standing, whatever=not self._whole))

    def _add_in_parts(self, group: Group) -> Kept:
        """The first half of each set, which readers see until the other half is there."""
        halves = [msgspec.structs.replace(one, confidences=_half(one)) for one in group.sets]
        with self._database.writing() as connection:
            kept = self._add(connection, msgspec.structs.replace(group, sets=halves))
        for one in group.sets:
            with self._database.writing() as connection:
                connection.execute(update(scores).where(scores.c.id == one.id).values(confidences=one.confidences))
        return kept


class _There(msgspec.Struct, frozen=True):
    """An item whose name was not deleted: what its bytes are, and whether it lives or was replaced."""

    digest: str
    live: bool


def forget(connection: Connection, ids: Collection[str]) -> int:
    """Removes all that was said of these items within the caller's transaction; how many sets there were."""
    for table in (standings, failures):
        connection.execute(delete(table).where(table.c.item.in_(ids)))
    return connection.execute(delete(scores).where(scores.c.item.in_(ids))).rowcount


def _there(connection: Connection, ids: Collection[str]) -> dict[str, _There]:
    """Those items whose names live, be it with other bytes by now."""
    now = items.alias("now")
    named = (now.c.collection == items.c.collection, now.c.name == items.c.name, now.c.ended_at.is_(None))
    query = select(items.c.id, items.c.digest, items.c.ended_at).where(items.c.id.in_(set(ids)))
    found = connection.execute(query.where(select(now.c.id).where(*named).exists()))
    return {id: _There(digest, ended_at is None) for id, digest, ended_at in found}


def _live(connection: Connection, ids: Collection[str]) -> set[str]:
    return {id for id, one in _there(connection, ids).items() if one.live}


def _standing(score: Score, rules: Rollout, at: int) -> Standing:
    return Standing(
        item=score.item, model=score.model, score=score.id, version=score.version, run=score.run,
        decision=rules.sequence, at=at,
    )  # fmt: skip


def _half(score: Score) -> bytes:
    row = 4 * len(score.labels)
    return score.confidences[: score.seconds // 2 * row]
