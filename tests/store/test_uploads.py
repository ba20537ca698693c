"""Named datasets: made, appended to, deleted and made anew, each with its trace in the audit."""

from __future__ import annotations

from typing import Any

import pytest

from assay.clock import new_id, now_us
from assay.domain.given.upload import Upload
from assay.domain.job import Job
from assay.errors import DatasetInUse, DatasetNotFound
from assay.store import datasets, uploads
from assay.store.audit import Audit
from assay.store.database import Database
from assay.store.paging import Window
from assay.store.uploads import Uploads
from assay.store.work.jobs import Jobs
from tests import rows


def part(file: str = "ab" * 32, **told: Any) -> Upload:
    made: dict[str, Any] = {
        "id": new_id(), "dataset": "mine", "at": now_us(), "file": file, "size": 10, "format": "csv", "rows": 3, "removed": 1,
        "reasons": {"carat: is missing": 1}, "by": "a test",
    }  # fmt: skip
    return Upload(**(made | told))


def append(database: Database, upload: Upload, dataset: str | None = None) -> tuple[Upload, bool]:
    with database.writing() as connection:
        return uploads.add(connection, upload, dataset or uploads.find(connection, upload.dataset).id)


@pytest.fixture
def held(database: Database) -> Uploads:
    made = Uploads(database)
    made.create("mine", "stone", "a test")
    return made


def test_a_dataset_is_made_once(held: Uploads) -> None:
    found, new = held.create("mine", "stone", "a test")
    assert (found.name, found.model, found.rows, found.parts, new) == ("mine", "stone", 0, 0, False)
    with pytest.raises(DatasetInUse, match="'stone'"):
        held.create("mine", "gem", "a test")


def test_parts_come_back_as_they_were_and_are_summed(held: Uploads, database: Database) -> None:
    parts = [part("ab" * 32), part("cd" * 32, rows=5, removed=0, reasons={})]
    assert [append(database, one) for one in parts] == [(one, True) for one in parts]
    assert held.parts("mine") == parts
    found = held.find("mine")
    assert (found.parts, found.rows, found.removed) == (2, 8, 1)


def test_the_same_bytes_are_one_part(held: Uploads, database: Database) -> None:
    first = part()
    append(database, first)
    assert append(database, part()) == (first, False)
    assert held.find("mine").rows == 3


def test_what_is_not_there_is_not_found(held: Uploads, database: Database) -> None:
    for ask in (held.find, held.parts, lambda name: held.delete(name, "a test")):
        with pytest.raises(DatasetNotFound, match="'other'"):
            ask("other")
    with pytest.raises(DatasetNotFound):
        append(database, part(dataset="other"))


def test_a_deleted_dataset_can_be_made_anew_and_is_empty(held: Uploads, database: Database) -> None:
    before = held.find("mine")
    append(database, part())
    assert held.delete("mine", "a test") == ["ab" * 32]
    with pytest.raises(DatasetNotFound):
        held.find("mine")
    assert held.page(Window()).entries == []
    after, new = held.create("mine", "gem", "a test")
    assert (after.model, after.rows, new, after.id != before.id) == ("gem", 0, True, True)
    assert append(database, part())[1]


def test_a_dataset_that_a_job_is_to_learn_from_stays(held: Uploads, database: Database) -> None:
    jobs = Jobs(database)
    job = Job(id=new_id(), at=now_us(), verb="train", model="stone", arguments={"dataset": "mine"}, by="a test")
    jobs.add(Job(id=new_id(), at=now_us(), verb="train", model="stone", arguments={}, by="a test"))
    jobs.add(job)
    with pytest.raises(DatasetInUse, match=job.id):
        held.delete("mine", "a test")
    jobs.cancel(job.id, "a test")
    assert held.delete("mine", "a test") == []


def test_each_change_is_in_the_audit(held: Uploads, database: Database) -> None:
    append(database, part())
    held.delete("mine", "somebody")
    entries = Audit(database).page(Window()).entries
    assert [one.action for one in entries] == ["dataset.delete", "dataset.append", "dataset.create"]
    assert {one.subject for one in entries} == {"mine"}
    assert entries[0].by == "somebody"
    assert entries[0].before["parts"][0]["file"] == "ab" * 32


def test_a_file_is_named_by_uploads_and_by_snapshots(held: Uploads, database: Database) -> None:
    append(database, part("12" * 32))
    with database.writing() as connection:
        datasets.add(connection, rows.dataset(removed_file="34" * 32))
    assert [held.named(file) for file in ("12" * 32, "34" * 32, "ab" * 32, "ff" * 32)] == [True, True, True, False]


def test_datasets_are_listed_page_by_page(held: Uploads) -> None:
    for name in ("b", "c"):
        held.create(name, "stone", "a test")
    first = held.page(Window(limit=2))
    assert [one.name for one in first.entries] == ["c", "b"]
    second = held.page(Window(limit=2, cursor=first.next_cursor))
    assert ([one.name for one in second.entries], second.next_cursor) == (["mine"], None)


def test_a_part_is_not_for_another_dataset_that_has_the_name_by_now(database: Database, held: Uploads) -> None:
    before = held.find("mine")
    held.delete("mine", "a test")
    held.create("mine", "glass", "a test")
    with pytest.raises(DatasetNotFound):
        append(database, part(), before.id)
    assert held.parts("mine") == []
