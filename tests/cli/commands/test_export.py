"""`assay export` on a real home, killed in between, and misused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import polars as pl
import pytest

from assay.clock import new_ids, now_us
from assay.store.databases.sqlite import Sqlite
from assay.store.record.recorder import Entry, Recorder
from tests import rows
from tests.cli.conftest import PROGRAM, QUESTION, Run, as_json, run

MANY = 200_000


def test_answers_are_written_with_their_questions(assay: Run, tmp_path: Path) -> None:
    assert assay("predict", json.dumps([QUESTION] * 3)).exit_code == 0
    out = tmp_path / "record.parquet"
    told = as_json(assay("export", "--out", out, "--model", "house-price", "--json"))
    table = pl.read_parquet(out)
    assert told == {"out": str(out), "model": "house-price", "predictions": 3, "bytes": out.stat().st_size}
    assert table["question_area"].to_list() == [80.0] * 3
    assert table["question_rooms"].to_list() == [3] * 3
    assert set(table["version_recipe"]) == {"linear"}


def test_of_all_models_it_says_so_in_a_sentence(assay: Run, tmp_path: Path) -> None:
    assert assay("predict", json.dumps(QUESTION)).exit_code == 0
    done = assay("export", "--out", tmp_path / "record.parquet", "--since", "1h")
    assert done.exit_code == 0
    assert done.stdout.startswith("1 prediction, ")
    assert json.loads(pl.read_parquet(tmp_path / "record.parquet")["question"][0]) == QUESTION


def test_a_file_is_replaced_only_where_that_is_wanted(assay: Run, tmp_path: Path) -> None:
    out = tmp_path / "record.parquet"
    out.write_bytes(b"mine")
    refused = assay("export", "--out", out)
    assert refused.exit_code == 2
    assert "is there already" in refused.stderr
    assert out.read_bytes() == b"mine"
    assert assay("export", "--out", out, "--force").exit_code == 0
    assert pl.read_parquet(out).height == 0


def test_an_export_that_is_killed_leaves_nothing_that_looks_complete(app: Path, home: Path, tmp_path: Path) -> None:
    database = Sqlite(home / "assay.db")
    recorder = Recorder(database)
    at = now_us() - 10**9
    for _ in range(0, MANY, 10_000):
        values = [rows.prediction_values(id=f"{at // 1000:012x}{one[12:]}", at=at) for one in new_ids(10_000)]
        recorder.record([Entry(None, values)])
    recorder.close()
    database.close()
    known = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
    out = tmp_path / "out"
    out.mkdir()
    command = [*PROGRAM, "export", str(app), "--home", str(home), "--out", str(out / "record.parquet")]
    child = subprocess.Popen(command, env=known, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until = time.monotonic() + 60
    while not any(file.stat().st_size for file in out.iterdir()) and time.monotonic() < until:
        assert child.poll() is None, "it was quicker than its killer"
        time.sleep(0.002)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert [file for file in out.iterdir() if not file.name.startswith(".")] == []
    assert run("export", app, "--home", home, "--out", out / "record.parquet").exit_code == 0
    assert pl.scan_parquet(out / "record.parquet").select(pl.len()).collect().item() == MANY


@pytest.mark.parametrize(
    "words",
    [[], ["--out", "x.csv"], ["--out", "x"], ["--out", "x.parquet", "--since", "yesterday"],
     ["--out", "x.parquet", "--since", "1h", "--until", "2h"], ["--out", "x.parquet", "--out", "y.parquet"]],
)  # fmt: skip
def test_a_misuse_is_noticed_before_anything_is_opened(app: Path, tmp_path: Path, words: list[str]) -> None:
    done = run("export", app, *words, "--home", tmp_path / "never")
    assert done.exit_code == 2
    assert not (tmp_path / "never").exists()


def test_a_model_that_there_is_not_is_named(assay: Run, tmp_path: Path) -> None:
    done = assay("export", "--out", tmp_path / "x.parquet", "--model", "boat-price")
    assert done.exit_code == 1
    assert "boat-price" in done.stderr
    assert not (tmp_path / "x.parquet").exists()
