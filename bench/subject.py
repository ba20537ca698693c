"""What is measured with: the plan, the rows, the trained model in each form, and the right answers."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import polars as pl

from assay.app import Assay
from assay.app.learning import held_out
from assay.store.files.formats import load_pipeline

ROOT = Path(__file__).resolve().parents[1]
BOOSTED = ROOT / "bench" / "apps" / "boosted"
DIAMONDS = ROOT / "examples" / "diamonds"
ASSAY = str(Path(sys.executable).with_name("assay"))
MODEL = "diamond-price"
QUESTIONS = 1000
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long, how often and how much."""

    rounds: int
    seconds: int
    warm_up: int
    trials: int
    rows: int
    requests: int
    starts: int
    files: int
    recordings: int


@dataclass(frozen=True, kw_only=True)
class Subject:
    """`bench/apps/boosted`, trained once; every server answers with the same fitted pipeline."""

    folder: Path
    plan: Plan
    data: Path
    home: Path
    pipeline: Any
    model: Path  # the same pipeline as the other servers read it
    fields: tuple[str, ...]
    questions: list[Row]  # held-out rows, and what the pipeline itself answers to them
    prices: list[float]


def stones() -> tuple[Path | None, pl.DataFrame]:
    """The table at $DATA, or the made-up stones of the diamonds example where none is named."""
    named = os.environ.get("DATA")
    if named:
        return Path(named), pl.read_csv(named)
    return None, made_up(5000)


def made_up(count: int) -> pl.DataFrame:
    """So many made-up stones."""
    spec = importlib.util.spec_from_file_location("stones_made_up", DIAMONDS / "data.py")
    if spec is None or spec.loader is None:
        raise SystemExit(f"There is no {DIAMONDS / 'data.py'}.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: pl.DataFrame = module.rows(count)
    return found


def train(application: Path, home: Path, data: Path, *more: str) -> None:
    """Trains the application into this home; ends the program where that fails."""
    command = [ASSAY, "train", str(application), "--home", str(home), "--data", str(data), *more]
    ran = subprocess.run(command, env=plain_environment(), capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SystemExit(f"{' '.join(command)} ended with status {ran.returncode}:\n{ran.stderr[-2000:]}")


def plain_environment() -> dict[str, str]:
    """Our environment without the settings that would change what is measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}


def bare(folder: Path, plan: Plan) -> Subject:
    """Nothing but the plan and a folder, for what has a model of its own."""
    return Subject(
        folder=folder,
        plan=plan,
        data=folder,
        home=folder,
        pipeline=None,
        model=folder,
        fields=(),
        questions=[],
        prices=[],
    )


def prepare(folder: Path, plan: Plan) -> Subject:
    """Trains the model and writes it for the other servers; all files go into `folder`."""
    data = folder / "stones.csv"
    stones()[1].write_csv(data)
    home = folder / "boosted"
    train(BOOSTED, home, data)
    assay = Assay.at(BOOSTED, home=home)
    try:
        model = assay.application.model(MODEL)
        version = assay.version(MODEL)
        manifest = assay.loader.manifest(version)
        pipeline = load_pipeline(assay.artifacts.get(manifest.files["pipeline"].sha256), manifest.trusted)
        asked = held_out(assay, model, version.dataset).select(list(model.fields)).head(QUESTIONS)
    finally:
        assay.close()
    file = folder / "boosted.joblib"
    joblib.dump(pipeline, file)
    return Subject(
        folder=folder, plan=plan, data=data, home=home, pipeline=pipeline, model=file, fields=tuple(model.fields),
        questions=asked.to_dicts(), prices=pipeline.predict(asked).tolist(),
    )  # fmt: skip
