"""The statements are made once, and choose what is queued and due, and nothing else."""

from __future__ import annotations

from assay.clock import now_us
from assay.domain.given.task import PREDICT
from assay.store.database import Database
from assay.store.work import claims
from tests.asked import STONE, queued


def chosen(database: Database, now: int) -> list[str]:
    """The tasks that are due at this time."""
    told = {"verb": PREDICT, "model": STONE.model, "most": 10, "now": now}
    with database.reading() as connection:
        return [str(row.id) for row in connection.execute(claims.OURS_QUEUED, told)]


def test_what_is_queued_is_chosen_the_oldest_first_once_it_is_due(database: Database) -> None:
    ids = queued(database, 3)
    assert chosen(database, now_us()) == ids
    assert chosen(database, 0) in ([], ids)


def test_the_next_model_with_something_queued_is_found_by_its_name(database: Database) -> None:
    queued(database, 2)
    told = {"verb": PREDICT, "last": ""}
    with database.reading() as connection:
        found = connection.execute(claims.NEXT_MODEL, told).first()
        beyond = connection.execute(claims.NEXT_MODEL, told | {"last": STONE.model}).first()
    assert found is not None
    assert (found.model, beyond) == (STONE.model, None)
