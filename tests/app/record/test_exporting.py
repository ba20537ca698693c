"""The record as a Parquet file: whole, typed, and never a part of one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assay.app import Assay
from assay.app.record import exporting
from assay.app.record.exporting import Exported, export
from assay.clock import new_ids
from assay.errors import StoreUnavailable
from assay.store.record import streaming
from assay.store.record.recorder import Entry
from assay.store.record.streaming import Streaming
from tests import rows, tiny

AT = 1_700_000_000_000_000


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    """A home whose record holds 25 answers on stones, one on a boat, and one that cannot be read."""
    with tiny.opened(tmp_path / "home") as opened:
        ids = [f"{AT // 1000 + place:012x}{one[12:]}" for place, one in enumerate(new_ids(27))]
        told = [
            {"id": one, "at": AT + 1_000 * place, "version": 1, "value": place / 2, "answer": f"{place / 2}",
             "question": json.dumps({"carat": 1 + place, "cut": "Ideal", "color": "E"})}
            for place, one in enumerate(ids)
        ]  # fmt: skip
        told[3] |= {"question": '{"carat": "heavy", "cut": 7}'}
        told[4] |= {"question": "{"}
        told[5] |= {"model": "boat", "version": 9, "question": '{"length":3}'}
        exchange = rows.exchange_values(id=new_ids(1)[0], path="/ask", took_us=77)
        values = [rows.prediction_values(**(one | {"exchange": exchange[0]})) for one in told]
        opened.recorder.record([Entry(exchange, values)])
        yield opened


def stones(assay: Assay, out: Path, **more: Any) -> pl.DataFrame:
    export(assay, assay.application.model(None), out, **more)
    return pl.read_parquet(out).filter(pl.col("at") < datetime(2024, 1, 1, tzinfo=UTC))


def test_questions_on_one_model_are_columns(assay: Assay, tmp_path: Path) -> None:
    found = stones(assay, tmp_path / "out.parquet")
    assert found.height == 26
    assert found["question_carat"][:5].to_list() == [1.0, 2.0, 3.0, None, None]
    assert found["question_cut"][:3].to_list() == ["Ideal"] * 3
    assert found.schema["question_carat"] == pl.Float64
    assert "question" not in found.columns
    assert set(found["model"]) == {"stone"}


def test_each_line_holds_its_answer_version_and_exchange(assay: Assay, tmp_path: Path) -> None:
    found = stones(assay, tmp_path / "out.parquet")
    assert found["value"][:3].to_list() == [0.0, 0.5, 1.0]
    assert found["answer"][:3].to_list() == ["0.0", "0.5", "1.0"]
    assert found.schema["at"] == pl.Datetime("us", "UTC")
    assert found["at"][0] == datetime.fromtimestamp(AT / 1e6, UTC)
    version = assay.versions.find("stone", 1)
    assert set(found["version_recipe"]) == {version.recipe}
    assert json.loads(found["version_metrics"][0]) == version.metrics
    assert set(found["exchange_path"]) == {"/ask"}
    assert set(found["exchange_status"]) == {200}
    assert found["outcome"].null_count() == found.height


def test_of_all_models_questions_are_json(assay: Assay, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    found = export(assay, None, out)
    table = pl.read_parquet(out)
    assert found == Exported(rows=table.height, size=out.stat().st_size)
    (boat,) = table.filter(pl.col("model") == "boat").to_dicts()
    assert json.loads(boat["question"]) == {"length": 3}
    assert (boat["version"], boat["version_recipe"]) == (9, None)


@pytest.mark.parametrize("size", [1, 4, 26, 27, 1_000])
def test_a_table_is_the_same_whatever_the_chunks(
    assay: Assay, tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = stones(assay, tmp_path / "whole.parquet")
    monkeypatch.setattr(streaming, "CHUNK", size)
    assert stones(assay, tmp_path / "chunked.parquet").equals(whole)
    assert whole["id"].is_sorted()


def test_only_what_was_made_between_two_times_is_written(assay: Assay, tmp_path: Path) -> None:
    found = stones(assay, tmp_path / "out.parquet", since=AT + 6_000, until=AT + 9_000)
    assert found["value"].to_list() == [3.0, 3.5, 4.0]


def test_nothing_is_a_table_without_lines(assay: Assay, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    assert export(assay, None, out, until=AT - 10**9).rows == 0
    assert pl.read_parquet(out).height == 0
    assert "question" in pl.read_parquet(out).columns


def test_progress_is_told(assay: Assay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "CHUNK", 10)
    told: list[tuple[int, int]] = []
    export(assay, None, tmp_path / "out.parquet", until=AT + 10**6, on_progress=lambda *both: told.append(both))
    assert told == [(10, 27), (20, 27), (27, 27)]


def test_a_store_that_fails_leaves_what_was_there(
    assay: Assay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.parquet"
    out.write_bytes(b"as it was")
    chunks = Streaming.chunks

    def failing(self: Streaming, *told: object, **more: object) -> object:
        yield from list(chunks(self, *told, **more))[:1]  # type: ignore[arg-type]  # handed on as they came
        raise StoreUnavailable("The database is away.")

    monkeypatch.setattr(Streaming, "chunks", failing)
    monkeypatch.setattr(streaming, "CHUNK", 5)
    with pytest.raises(StoreUnavailable, match="away"):
        export(assay, None, out)
    assert out.read_bytes() == b"as it was"
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["out.parquet"]


def test_a_place_that_is_not_there_is_named(assay: Assay, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        export(assay, None, tmp_path / "nowhere" / "out.parquet")


def test_a_question_that_cannot_be_read_has_no_fields() -> None:
    assert exporting._questions(['{"a":1}', "[]", "{", '{"a":2}']) == [{"a": 1}, {}, {}, {"a": 2}]
    assert exporting._questions([]) == []
