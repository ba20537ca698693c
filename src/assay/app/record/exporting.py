"""Export: the record as one Parquet file with a line a prediction, written as it is read, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from assay.clock import new_id
from assay.domain.model import Model
from assay.store.record.streaming import Chunk, Streaming

if TYPE_CHECKING:
    import polars as pl

    from assay.app import Assay

GROUP_ROWS = 100_000
QUESTION = "question"
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was written: how many predictions, and into how many bytes."""

    rows: int
    size: int


def export(
    assay: Assay, model: Model[Any] | None, out: Path, *, since: int | None = None, until: int | None = None,
    on_progress: Progress | None = None,
) -> Exported:  # fmt: skip
    """Writes the predictions of one model, or of all, that were made between two times in microseconds.

    Of one model the questions' fields are columns of their own. `on_progress` hears how many predictions were looked at,
    and of how many. Raises StoreUnavailable or OSError.
    """
    from polars.io.plugins import register_io_source

    streaming = Streaming(assay.database)
    among = streaming.among(since, until)
    heard = _Heard(on_progress, streaming.count(among) if on_progress is not None else 0)
    chunks = streaming.chunks(among, model=model.name if model else None, since=since, until=until)
    frames = _Frames(assay, model)

    def read(*_: Any) -> Iterator[pl.DataFrame]:
        try:
            for chunk in chunks:
                yield frames.of(chunk)
                heard.more(chunk)
        except Exception as failed:
            heard.failed = failed
            raise

    draft = out.with_name(f".{out.name}.{new_id()}.tmp")
    draft.touch(mode=0o600)
    try:
        rows = register_io_source(read, schema=frames.schema, is_pure=True)
        try:
            rows.sink_parquet(draft, row_group_size=GROUP_ROWS, maintain_order=True, engine="streaming")
        except Exception:
            if heard.failed is not None:  # the writer would call it a failure of its own
                raise heard.failed from None
            raise
        size = _sync(draft)
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)
    return Exported(rows=heard.rows, size=size)


class _Heard:
    """How far it is, and what went wrong."""

    def __init__(self, on_progress: Progress | None, total: int) -> None:
        self.rows = 0
        self.failed: Exception | None = None
        self._looked = 0
        self._total = total
        self._on_progress = on_progress

    def more(self, chunk: Chunk) -> None:
        """Another chunk was handed on."""
        self.rows += chunk.height
        self._looked += chunk.looked
        if self._on_progress is not None:
            self._on_progress(min(self._looked, self._total), self._total)


class _Frames:
    """Chunks as tables, each with the same columns."""

    def __init__(self, assay: Assay, model: Model[Any] | None) -> None:
        import polars as pl

        self._assay = assay
        self._fields = {} if model is None else {f"{QUESTION}_{name}": name for name in model.fields}
        self._versions: dict[str, dict[int, tuple[str | None, str | None]]] = {}
        kinds = {"number": pl.Float64(), "integer": pl.Int64(), "boolean": pl.Boolean()}
        declared = {} if model is None else model.fields
        asked = {column: kinds.get(declared[name].kind, pl.String()) for column, name in self._fields.items()}
        text, whole, moment = pl.String(), pl.Int64(), pl.Datetime("us", "UTC")
        self.schema: dict[str, pl.DataType] = {
            "id": text, "at": moment, "model": text, "version": whole, "role": text, **(asked or {QUESTION: text}),
            "answer": text, "value": pl.Float64(), "took_us": whole, "position": whole,
            "version_recipe": text, "version_metrics": text,
            "exchange": text, "exchange_path": text, "exchange_status": whole, "exchange_took_us": whole,
            "outcome": pl.Float64(), "outcome_at": moment, "outcome_labels": text,
            "experiment": text, "entity": text,
        }  # fmt: skip

    def of(self, chunk: Chunk) -> pl.DataFrame:
        """The chunk as a table."""
        import polars as pl

        columns = dict(chunk.columns)
        made = [self._version(*one) for one in zip(columns["model"], columns["version"], strict=True)]
        columns["version_recipe"] = [recipe for recipe, _ in made]
        columns["version_metrics"] = [metrics for _, metrics in made]
        if self._fields:
            asked = _questions(columns[QUESTION])
            columns |= {column: [one.get(name) for one in asked] for column, name in self._fields.items()}
        return pl.DataFrame(
            [pl.Series(name, columns[name], dtype=kind, strict=False) for name, kind in self.schema.items()]
        )

    def _version(self, model: str, number: int) -> tuple[str | None, str | None]:
        known = self._versions.get(model)
        if known is None or number not in known:
            known = {number: (None, None)}
            known |= {
                one.number: (one.recipe, msgspec.json.encode(one.metrics).decode())
                for one in self._assay.versions.all(model)
            }
            self._versions[model] = known
        return self._versions[model][number]


def _questions(texts: list[str]) -> list[dict[str, Any]]:
    """Questions as objects; one that cannot be read, as it was tampered with, has no fields."""
    try:
        return msgspec.json.decode(f"[{','.join(texts)}]", type=list[dict[str, Any]])
    except msgspec.DecodeError:
        return [_questions([text])[0] for text in texts] if len(texts) > 1 else [{}]


def _sync(file: Path) -> int:
    """What is in the file is on the disk from now on; its size."""
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
        return os.fstat(opened.fileno()).st_size
