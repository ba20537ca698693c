"""Rows that clients send are proved before they are kept, and kept whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

from assay.app import Assay
from assay.app.given.receiving import Receiving
from assay.clock import new_id, now_us
from assay.domain.given.upload import Format, NamedDataset, Upload
from assay.domain.job import Job
from assay.errors import (
    AssayError,
    BodyTooLarge,
    DatasetInUse,
    DatasetNotFound,
    DatasetRejected,
    DecodedTooLarge,
    IdempotencyMismatch,
    LabelTaken,
    ModelNotFound,
    QuestionInvalid,
    StoreUnavailable,
    TooManyRows,
    UnsupportedFile,
)
from assay.store import versions
from assay.store.databases.sqlite import Sqlite
from tests import rows, tiny

HEADER = "carat,cut,color,price\n"
ROW = tiny.QUESTION | {"price": 100.0}
BY = "a test"


def csv(count: int = 60, more: str = "") -> bytes:
    """A good file, and more lines."""
    return (HEADER + "".join(f"{0.5 + i / 100},Ideal,E,{1000 + i}\n" for i in range(count)) + more).encode()


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    made = Assay.at(tiny.write(tmp_path / "app"), home=tmp_path / "home", max_rows=50)
    yield made
    made.close()


@pytest.fixture
def receiving(assay: Assay) -> Receiving:
    return Receiving(assay)


@pytest.fixture
def mine(receiving: Receiving) -> NamedDataset:
    return receiving.create("mine", None, BY)[0]


def send(receiving: Receiving, dataset: NamedDataset, body: bytes, format_: Format = "csv") -> tuple[Upload, bool]:
    draft = receiving.begin(len(body))
    try:
        draft.write(body)
        return receiving.finish(draft, dataset, format_, BY)
    finally:
        draft.discard()


def kept_files(assay: Assay) -> list[Path]:
    return [*(assay.home / "artifacts").glob("*/*"), *(assay.home / "quarantine").glob("*")]


def test_a_file_is_kept_as_it_was_sent(receiving: Receiving, mine: NamedDataset, assay: Assay) -> None:
    body = csv(60, "1,Ideal,E,-1\n5,Bad,E,100\n")
    upload, new = send(receiving, mine, body)
    assert (upload.rows, upload.removed, upload.size, new) == (60, 2, len(body), True)
    assert upload.reasons == {"plausible: A stone has a price": 1, "cut: must be one of Fair, Good, Ideal": 1}
    assert assay.uploads.parts("mine") == [upload]
    (kept,) = kept_files(assay)
    assert (kept, kept.read_bytes()) == (assay.artifacts.path(upload.file), body)


def test_the_same_file_again_is_the_same_part(receiving: Receiving, mine: NamedDataset, assay: Assay) -> None:
    first, _ = send(receiving, mine, csv())
    assert send(receiving, mine, csv()) == (first, False)
    other = receiving.create("other", "stone", BY)[0]
    assert send(receiving, other, csv())[1]
    assert len(kept_files(assay)) == 1


def test_parquet_and_json_lines_are_rows_too(receiving: Receiving, mine: NamedDataset, tmp_path: Path) -> None:
    frame = pl.read_csv(csv(20))
    frame.write_parquet(tmp_path / "rows.parquet")
    frame.write_ndjson(tmp_path / "rows.jsonl")
    for name in ("parquet", "jsonl"):
        format_ = msgspec.convert(name, Format)
        assert send(receiving, mine, (tmp_path / f"rows.{name}").read_bytes(), format_)[0].rows == 20


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (HEADER.encode(), DatasetRejected, "no_rows"),
        (b"carat,cut,color\n1,Ideal,E\n", DatasetRejected, "bad_target"),
        (b"%PDF-1.4 and more", UnsupportedFile, "unsupported_file"),
        (csv(10, "1,Bad,E,5\n"), DatasetRejected, ""),
        (csv(0, "1,Ideal,E,-1\n"), DatasetRejected, "too_few_rows"),
    ],
)
def test_what_is_refused_leaves_nothing(
    body: bytes, kind: type[AssayError], code: str, receiving: Receiving, mine: NamedDataset, assay: Assay
) -> None:
    with pytest.raises(kind) as refused:
        send(receiving, mine, body)
    assert getattr(refused.value, "kind", refused.value.code) == code
    assert str(assay.home) not in str(refused.value)
    assert kept_files(assay) == []
    assert assay.uploads.parts("mine") == []


def test_too_many_broken_rows_are_named(receiving: Receiving, mine: NamedDataset) -> None:
    with pytest.raises(DatasetRejected, match=r"2 of 12 rows.*row 11: cut") as refused:
        send(receiving, mine, csv(10, "1,Bad,E,5\n99,Ideal,E,5\n"))
    assert [fault.pointer for fault in refused.value.faults] == ["#/11/cut", "#/12/carat"]


def test_a_reader_that_runs_out_of_time_or_memory_is_ended(
    receiving: Receiving, mine: NamedDataset, assay: Assay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assay.app.given.receiving.SIFT_TIMEOUT_S", 0.01)
    with pytest.raises(DecodedTooLarge, match=r"within 0\.01 s"):
        send(receiving, mine, csv())
    monkeypatch.undo()
    monkeypatch.setattr("assay.app.given.receiving.SIFT_MEMORY_BYTES", 1 << 27)
    with pytest.raises(DecodedTooLarge):
        send(receiving, mine, csv())
    assert assay.uploads.parts("mine") == []


def test_rows_of_a_list_are_appended_all_or_none(receiving: Receiving, mine: NamedDataset, assay: Assay) -> None:
    upload, new = receiving.append(mine, msgspec.json.encode([ROW, ROW | {"carat": 2.0}]), BY)
    assert (upload.rows, upload.format, new) == (2, "jsonl", True)
    kept = assay.artifacts.get(upload.file)
    assert [msgspec.json.decode(line) for line in kept.splitlines()] == [ROW, ROW | {"carat": 2.0}]
    assert receiving.append(mine, msgspec.json.encode([ROW, ROW | {"carat": 2.0}], order="sorted"), BY) == (
        upload,
        False,
    )


@pytest.mark.parametrize(
    ("body", "kind"),
    [([ROW, tiny.QUESTION], QuestionInvalid), ([ROW | {"cut": "Bad"}], QuestionInvalid), ([], QuestionInvalid),
     ([ROW] * 51, TooManyRows), (ROW, DatasetRejected), ([ROW | {"more": 1}], QuestionInvalid)],
)  # fmt: skip
def test_a_list_with_a_bad_row_is_refused(
    body: Any, kind: type[AssayError], receiving: Receiving, mine: NamedDataset, assay: Assay
) -> None:
    with pytest.raises(kind):
        receiving.append(mine, msgspec.json.encode(body), BY)
    assert kept_files(assay) == []


def test_a_dataset_belongs_to_a_model_that_there_is(receiving: Receiving) -> None:
    assert receiving.create("mine", None, BY)[0].model == "stone"
    with pytest.raises(ModelNotFound):
        receiving.create("other", "gem", BY)
    with pytest.raises(DatasetRejected) as refused:
        receiving.create("../x", None, BY)
    assert refused.value.kind == "invalid_name"


def test_where_there_are_several_models_one_must_be_named(receiving: Receiving, assay: Assay) -> None:
    with (assay.application.folder / "model.py").open("a") as file:
        file.write('\ngem = assay.Model("gem", input=Stone, target="price")\n')
    with pytest.raises(QuestionInvalid, match="stone, gem"):
        receiving.create("mine", None, BY)
    assert receiving.create("mine", "gem", BY)[0].model == "gem"


def test_a_deleted_dataset_takes_its_files_with_it_but_those_that_others_need(
    receiving: Receiving, mine: NamedDataset, assay: Assay
) -> None:
    other = receiving.create("other", "stone", BY)[0]
    for dataset, body in ((mine, csv(10)), (mine, csv(20)), (other, csv(20))):
        send(receiving, dataset, body)
    receiving.delete("mine", BY)
    assert kept_files(assay) == [assay.artifacts.path(part.file) for part in assay.uploads.parts("other")]
    with pytest.raises(DatasetNotFound):
        assay.uploads.parts("mine")


def test_a_dataset_that_is_deleted_while_rows_come_takes_none(
    receiving: Receiving, mine: NamedDataset, assay: Assay
) -> None:
    draft = receiving.begin(0)
    draft.write(csv())
    assay.uploads.delete("mine", BY)
    with pytest.raises(DatasetNotFound):
        receiving.finish(draft, mine, "csv", BY)
    draft.discard()
    assert kept_files(assay) == []


def test_where_the_store_fails_nothing_is_kept(receiving: Receiving, mine: NamedDataset, assay: Assay) -> None:
    database = assay.database
    assert isinstance(database, Sqlite)
    database.engine.dispose()
    away = database.path.rename(database.path.with_name("away"))
    with pytest.raises(StoreUnavailable):
        send(receiving, mine, csv())
    away.rename(database.path)
    assert kept_files(assay) == []


def test_a_body_that_is_too_long_is_not_begun(receiving: Receiving, assay: Assay) -> None:
    with pytest.raises(BodyTooLarge):
        receiving.begin(assay.settings.max_upload_bytes + 1)


def order(dataset: str | None = None, **told: Any) -> Job:
    arguments: dict[str, Any] = {"dataset": dataset, "recipes": []}
    made: dict[str, Any] = {
        "id": new_id(),
        "at": now_us(),
        "verb": "train",
        "model": "stone",
        "arguments": arguments,
        "by": BY,
    }
    return Job(**(made | told))


def test_a_training_is_queued_once_a_key(receiving: Receiving, mine: NamedDataset, assay: Assay) -> None:
    receiving.append(mine, msgspec.json.encode([ROW]), BY)
    first = receiving.order_training(order("mine", key="k"))
    assert receiving.order_training(order("mine", key="k")) == first
    with pytest.raises(IdempotencyMismatch):
        receiving.order_training(order(None, key="k"))
    with pytest.raises(DatasetInUse):
        receiving.delete("mine", BY)
    assert assay.jobs.find(first.id).state == "queued"


def test_a_label_is_given_once(receiving: Receiving, assay: Assay) -> None:
    arguments = {"dataset": None, "label": "rome"}
    first = receiving.order_training(order(arguments=arguments, key="k"))
    assert receiving.order_training(order(arguments=arguments, key="k")) == first
    with pytest.raises(LabelTaken, match=f"The job {first.id} is to give the label 'rome'"):
        receiving.order_training(order(arguments=arguments))
    assert receiving.order_training(order(arguments=arguments | {"label": "paris"})).state == "queued"
    assay.jobs.cancel(first.id, BY)
    with assay.database.writing() as connection:
        versions.add(connection, rows.version(label="rome"))
    before = assay.jobs.counts()
    with pytest.raises(LabelTaken, match="Version 1 has the label 'rome' already; DELETE /v1/models/stone/labels/rome"):
        receiving.order_training(order(arguments=arguments))
    assert assay.jobs.counts() == before
    assay.versions.unlabel("stone", "rome", BY)
    assert receiving.order_training(order(arguments=arguments)).state == "queued"


def test_a_training_needs_a_dataset_with_rows_for_its_model(receiving: Receiving, mine: NamedDataset) -> None:
    with pytest.raises(DatasetRejected, match="no rows yet"):
        receiving.order_training(order("mine"))
    with pytest.raises(DatasetNotFound):
        receiving.order_training(order("other"))
    with pytest.raises(DatasetRejected, match="'stone', not for 'gem'"):
        receiving.order_training(order("mine", model="gem"))
