"""A snapshot's files are written down once, however often they are told."""

from __future__ import annotations

from assay.store.database import Database
from assay.store.items import holds

FILES = [f"{number:064x}" for number in range(1_200)]


def test_they_are_kept_once(database: Database) -> None:
    for told in (FILES[:2], FILES, FILES[:700] * 2):
        with database.writing() as connection:
            holds.add(connection, "ab" * 32, told)
    with database.writing() as connection:
        holds.add(connection, "cd" * 32, FILES[:1])
        holds.add(connection, "ef" * 32, [])
    with database.reading() as connection:
        assert holds.held(connection, "ab" * 32) == FILES
        assert holds.held(connection, "cd" * 32) == FILES[:1]
        assert holds.held(connection, "ef" * 32) == []
