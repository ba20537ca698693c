"""Bulk scoring of a large file: ours beside the bare model on arrays that are ready, single-threaded and on all cores."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from assay.app import Assay
from assay.cli.views.tables import answer_rows, arrayed, typed_column
from assay.serving.bulk import score
from assay.serving.engines.runtime import onnx_runtime
from assay.serving.loaded import LoadedVersion
from bench.results import Figures, Table, distinct, each, median, of_kind, ratios
from bench.subject import ASSAY, BOOSTED, MODEL, Subject, made_up, plain_environment, stones

SEED = 7
JITTER = 0.01
CORES = os.cpu_count() or 1
RAW = f"XGBoost inplace_predict, float32 ready, {CORES} threads"
RAW_ALONE = "XGBoost inplace_predict, float32 ready, 1 thread"
ORDERED = f"XGBoost inplace_predict, float32 ready and ordered, {CORES} threads"
Way = Callable[[], Any]


def measure(subject: Subject) -> Iterator[Figures]:
    """One row a way of scoring and round; the ways take turns."""
    rows = large(subject.plan.rows)
    file = subject.folder / "large.parquet"
    rows.write_parquet(file)
    assay = Assay.at(BOOSTED, home=subject.home)
    try:
        version = assay.loader.load(assay.version(MODEL))
        graph = assay.artifacts.get(assay.loader.manifest(assay.version(MODEL)).files["graph"].sha256)
        ways = {**_ours(subject, version, rows, file), **_bare(subject, version, rows, graph)}
        _check(subject, rows, ways)
        for number in range(1, subject.plan.rounds + 1):
            for name, way in ways.items():
                yield {"kind": "bulk", "round": number, "way": name, "rows": rows.height, **_timed(way, rows.height)}
    finally:
        assay.close()


def tables(rows: list[Figures]) -> list[Table]:
    """Rows a second, and each way over the bare model."""
    lines = []
    seen = of_kind(rows, "bulk")
    for way in distinct(seen, "way"):
        its = of_kind(seen, "bulk", way=way)
        over = [each(ratios(its, of_kind(seen, "bulk", way=raw), "rows_s")) for raw in (RAW, RAW_ALONE)]
        lines.append([way, f"{median(its, 'rows_s'):,.0f}", f"{median(its, 'cores_used'):.2f}", *over[0], *over[1]])
    heads = [
        "way",
        "rows/s",
        "cores used",
        f"over bare, {CORES} threads",
        "each round",
        "over bare, 1 thread",
        "each round",
    ]
    return [Table(f"{seen[0]['rows']:,} rows", heads, lines)]


def large(count: int) -> pl.DataFrame:
    """So many distinct stones: the table's own rows, drawn again with sizes a little off; made-up ones without a table."""
    named, table = stones()
    if named is None:
        return made_up(count)
    draw = np.random.default_rng(SEED)
    drawn = table[draw.integers(0, table.height, count)]
    numbers = [name for name in drawn.columns if drawn[name].dtype.is_float()]
    near = draw.uniform(1 - JITTER, 1 + JITTER, (len(numbers), count))
    return drawn.with_columns(drawn[name] * pl.Series(off) for name, off in zip(numbers, near, strict=True))


def _timed(way: Way, rows: int) -> Figures:
    """How fast it was, and how many cores it had on average: fewer than it wanted where others were busy."""
    began, used = time.perf_counter(), sum(os.times()[:4])
    way()
    took_s = time.perf_counter() - began
    return {"rows_s": rows / took_s, "cores_used": (sum(os.times()[:4]) - used) / took_s}


def _ours(subject: Subject, version: LoadedVersion, rows: pl.DataFrame, file: Path) -> dict[str, Way]:
    fields = version.contract.fields
    columns = {name: arrayed(typed_column(rows[name], field), field) for name, field in fields.items()}
    out = subject.folder / "answers.parquet"
    command = [
        ASSAY,
        "predict",
        str(BOOSTED),
        "--home",
        str(subject.home),
        "--file",
        str(file),
        "--out",
        str(out),
        "--json",
    ]

    def whole() -> Any:
        ran = subprocess.run(command, env=plain_environment(), capture_output=True, text=True, check=False)
        if ran.returncode:
            raise SystemExit(f"assay predict ended with status {ran.returncode}: {ran.stderr[-1000:]}")
        told = json.loads(ran.stdout)
        if told["answered"] != rows.height:
            raise SystemExit(f"assay predict has answered {told['answered']} of {rows.height} rows.")

    def table() -> Any:
        return answer_rows(version, rows)["prediction"].to_numpy()

    return {
        "assay: score() on columns": lambda: score(version, columns),
        "assay: answer_rows(), a table checked, ordered and scored": table,
        "assay predict --file --out, from start to end": whole,
    }  # fmt: skip


def _bare(subject: Subject, version: LoadedVersion, rows: pl.DataFrame, graph: bytes) -> dict[str, Way]:
    frame = rows.select(subject.fields)
    encoder, trees = subject.pipeline[:-1], subject.pipeline[-1]
    matrix = np.ascontiguousarray(encoder.transform(frame), dtype=np.float32)
    order = frame.select(pl.arg_sort_by(*subject.fields)).to_series().to_numpy()
    feed = {
        name: arrayed(typed_column(rows[name], field), field)
        .astype(np.float32 if field.numeric else object)
        .reshape(-1, 1)
        for name, field in version.contract.fields.items()
    }

    def trees_on(threads: int, asked: Any = matrix) -> Way:
        def run() -> Any:
            booster = trees.get_booster()
            booster.set_param({"nthread": threads})
            return booster.inplace_predict(asked)

        return run

    def pipeline_on(threads: int) -> Way:
        def run() -> Any:
            trees.set_params(n_jobs=threads)
            trees.get_booster().set_param({"nthread": threads})
            return subject.pipeline.predict(frame)

        return run

    def graph_on(threads: int) -> Way:
        onnxruntime = onnx_runtime()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        return lambda: session.run(None, feed)[0].reshape(-1)

    return {
        RAW: trees_on(CORES),
        RAW_ALONE: trees_on(1),
        ORDERED: trees_on(CORES, matrix[order]),
        f"native pipeline on a polars frame, {CORES} threads": pipeline_on(CORES),
        "native pipeline on a polars frame, 1 thread": pipeline_on(1),
        f"onnxruntime, arrays ready, {CORES} threads": graph_on(CORES),
        "onnxruntime, arrays ready, 1 thread": graph_on(1),
    }


def _check(subject: Subject, rows: pl.DataFrame, ways: dict[str, Way]) -> None:
    """Every way answers alike, or the program ends; this run also warms everything."""
    told = {name: way() for name, way in ways.items()}
    right = np.asarray(told[RAW_ALONE], np.float64)
    for name, answers in told.items():
        if answers is None or name == ORDERED:
            continue
        far = float(np.abs(np.asarray(answers, np.float64) - right).max())
        if not far <= 0.25:
            raise SystemExit(f"{name} differs from the bare model by {far}.")
