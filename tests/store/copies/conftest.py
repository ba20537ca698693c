"""A store with a version, its snapshot and an upload, each with files, and what a backup of it is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import insert

from assay.clock import new_id, now_us
from assay.domain.job import Job
from assay.store import datasets, versions
from assay.store.copies.named import Place
from assay.store.database import Database
from assay.store.files.artifacts import Artifacts
from assay.store.items import holds, items
from assay.store.record.recorder import Entry, Recorder
from assay.store.releases.rollouts import Rollouts
from assay.store.uploads import uploads
from assay.store.work.jobs import Jobs
from tests import rows


def nobody(*_: object) -> None:
    """Hears how far the work is."""


class Filled:
    """The store's database and place, and the names of its files by what they are."""

    def __init__(self, database: Database, place: Place) -> None:
        self.database = database
        self.place = place
        files = place.artifacts()
        self.pipeline = files.put(b"a pipeline")
        entry = {"sha256": self.pipeline, "size": 10, "format": "skops"}
        self.manifest = files.put(msgspec.json.encode({"files": {"pipeline": entry}, "engine": "native"}))
        self.snapshot, self.removed, self.upload = (files.put(text) for text in (b"rows", b"removed", b"sent"))
        self.recording, self.held = files.put(b"a recording"), files.put(b"one that was learnt from")
        self.others = files.put(b"nobody names it")
        self._add_rows()

    def _add_rows(self) -> None:
        exchange = rows.exchange_values(request=bytes(range(256)), idempotency_key="a key")
        answers = [rows.prediction_values(exchange=exchange[0], question='{"text":"ä☃"}') for _ in range(3)]
        with closing(Recorder(self.database)) as recorder:
            recorder.record([Entry(exchange, answers)])
        with self.database.writing() as connection:
            datasets.add(connection, rows.dataset(id=self.snapshot, removed_file=self.removed))
            versions.add(connection, rows.version(manifest=self.manifest, dataset=self.snapshot))
            told = {
                "id": new_id(),
                "dataset": "mine",
                "at": now_us(),
                "size": 4,
                "format": "csv",
                "rows": 1,
                "removed": 0,
            }
            connection.execute(insert(uploads).values(told | {"file": self.upload, "faults": "{}", "by": "a test"}))
            holds.add(connection, self.snapshot, [self.held])
            for digest in ("ab" * 32, self.recording):  # the first is replaced by the second, and its bytes are gone
                items.add(connection, rows.item(digest=digest))
        Rollouts(self.database).append(rows.rollout(1))
        jobs = Jobs(self.database)
        jobs.add(Job(id=new_id(), at=now_us(), verb="train", by="a test", arguments={}, max_attempts=3))
        assert jobs.claim("a worker", ["train"], 60) is not None

    @property
    def needed(self) -> set[str]:
        """Every file that a row names."""
        return {
            self.pipeline, self.manifest, self.snapshot, self.removed, self.upload, self.recording, self.held,
        }  # fmt: skip

    @property
    def files(self) -> Artifacts:
        """The files."""
        return self.place.artifacts()

    def spoil(self, name: str) -> None:
        """A file has not its hash any more."""
        self.files.path(name).write_bytes(b"something else")


@pytest.fixture
def filled(database: Database, tmp_path: Path) -> Iterator[Filled]:
    yield Filled(database, Place(tmp_path))
