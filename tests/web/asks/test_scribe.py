"""What no model's lane records is recorded by the scribe, each entry once, and whoever waits hears what became of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from assay.errors import Unstorable
from assay.store import schema
from assay.store.databases import open_database
from assay.store.record.exchanges import count
from assay.store.record.recorder import Entry, Recorder
from assay.web.asks.scribe import Scribe
from tests import rows


def test_entries_are_durable_and_a_refused_one_is_refused(tmp_path: Path) -> None:
    database = open_database(tmp_path / "assay.db")
    schema.upgrade(database)

    async def story() -> None:
        scribe = Scribe(Recorder(database))
        twice = rows.exchange_values()
        await asyncio.gather(*(scribe.keep(Entry(rows.exchange_values(), [])) for _ in range(20)))
        await scribe.keep(Entry(twice, []))
        with pytest.raises(Unstorable):
            await scribe.keep(Entry(twice, []))
        await scribe.close()

    asyncio.run(story())
    with database.reading() as connection:
        assert count(connection) == 21
    database.close()
