"""Training and evaluation: what becomes of a run's snapshot and versions, and who is given the word."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import polars as pl
import structlog

from assay.app.features.joining import joined, load_own
from assay.app.keeping import Keeper
from assay.clock import new_id, now_us
from assay.domain.evaluation import Evaluation
from assay.domain.model import Model
from assay.domain.question.field import audio_field
from assay.domain.version import Version
from assay.errors import RecipeFailed
from assay.serving.predict import confidences
from assay.sources.application import OWN_ROWS
from assay.sources.databases import shown
from assay.sources.files import read_file, read_rows
from assay.sources.looks import kind
from assay.sources.parts import read_parts
from assay.store import datasets
from assay.training.evaluate import Scores, judged
from assay.training.lesson import Lesson, lesson
from assay.training.run import Plan, Run, run
from assay.training.snapshot import Rows, Whole, take
from assay.training.split import split

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.app import Assay
    from assay.app.working import Report
    from assay.domain.job import Job


log = structlog.get_logger("assay")
NAMED = "dataset:"  # opens a place that is a named dataset


def train(assay: Assay, model: Model[Any], data: Path | str | None, plan: Plan | None = None, **told: Any) -> Run:
    """Trains the recipes on a fresh snapshot, registers each run, and gives the word to the best that passes the gate.

    `data` is a path, a glob, an address, or `dataset:NAME`; the application's own rows if None. `told` may hold the
    `label` of the versions, `by` whom it was asked, and the `query` of a database.
    Raises DataInvalid, DatasetNotFound or ApplicationInvalid.
    """
    query = told.pop("query", None)
    if data is None:
        load_own(assay, model)
    source, rows = _rows(assay, model, None if data is None else str(data), query)
    rows = joined(assay, model, rows)
    return run(model, rows, source=source, keeping=Keeper(assay, model, source, **told), plan=plan or Plan())


def _rows(assay: Assay, model: Model[Any], data: str | None, query: str | None) -> tuple[str, Any]:
    """Where the rows are from, by the one name of the place, and the rows."""
    if data is None:
        own = assay.application.own_rows()
        if audio_field(model.fields) is None:
            return OWN_ROWS, own
        return OWN_ROWS, recordings_of(assay, model, str(own))
    if data.startswith(NAMED):
        return _uploaded(assay, data.removeprefix(NAMED))
    if audio_field(model.fields) is not None:
        return _place(data), recordings_of(assay, model, data)
    return _place(data), read_parts(data, query)


def recordings_of(assay: Assay, model: Model[Any], place: str) -> pl.DataFrame:
    """The labelled recordings at the place as rows, their bytes kept as artifacts; raises DataInvalid."""
    from assay.sources.recordings import read_recordings  # its library is an optional extra

    audio = audio_field(model.fields) or ""
    longest_s = model.fields[audio].longest_s
    return read_recordings(
        place, audio=audio, target=model.target, examine=lambda file: assay.sounds.examine(file, longest_s),
        keep=lambda file: assay.artifacts.put(file.read_bytes()),
        left_out=lambda path, said: log.warning("recording_left_out", file=path, reason=said),
    )  # fmt: skip


def rows_of(assay: Assay, model: Model[Any], place: str) -> pl.DataFrame:
    """The rows at a place: of a file, a folder or a glob, or labelled recordings; raises DataInvalid."""
    if audio_field(model.fields) is not None:
        return recordings_of(assay, model, place)
    found: pl.DataFrame = joined(assay, model, read_rows(place))
    return found


def train_for(assay: Assay, job: Job, report: Report) -> dict[str, Any]:
    """What the job `train` does: its model, or every model of the application; what came of each, by the model's name.

    Arguments: `data` (a place) or `dataset` (a named one), `recipes`, `trials`, `parameters`, `promote`, `label`. Fresh
    rows and schedules train only where there is something that was not learnt from.
    """
    told, settings = job.arguments, assay.settings
    plan = Plan(
        trials=told.get("trials") or settings.trials, only=tuple(told.get("recipes") or ()),
        parameters=told.get("parameters") or None, promote=told.get("promote", True), progress=report.at,
        again=job.key is None or not job.key.startswith(("fresh:", "schedule:")),
    )  # fmt: skip
    data = f"{NAMED}{told['dataset']}" if told.get("dataset") else told.get("data") or settings.data
    found = {}
    for name in [job.model] if job.model else list(assay.application.models()):
        model = assay.application.model(name)
        made = train(assay, model, data, plan, label=told.get("label"), by=job.by, query=settings.query)
        for line in _told(made):
            report.say(line)
        if made.versions and all(one.status != "ready" for one in made.versions):
            raise RecipeFailed(f"No version of {name!r} is ready: {made.versions[0].error}")
        found[name] = _summary(made)
    return found


def _told(made: Run) -> Iterator[str]:
    """A run in lines for the job's log."""
    for part in made.parts:
        if part.refused:
            why = part.evidence.removeprefix(f"{part.name}: ")
            log.warning("part_left_out", model=made.model, part=part.name, defect=part.refused)
            yield f"left out: {part.name}: {part.refused}: {why}"
    for one in made.versions:
        figures = ", ".join(f"{name} {value:,.4g}" for name, value in one.metrics.items())
        yield f"version {one.number} ({one.recipe}): {one.error or figures}"
    decided = made.rollout
    yield (
        f"version {decided.version} answers from now on: {decided.reason}"
        if decided
        else f"nothing changes, {made.unchanged}"
    )


def _place(told: str) -> str:
    """The same place by one name, wherever the command is run and without a password; its snapshots go on from one another."""
    if kind(told) == "files":
        return str(Path(told).expanduser().absolute())
    return shown(told) if kind(told) == "database" else told


def _uploaded(assay: Assay, name: str) -> tuple[str, Sequence[Rows]]:
    """A named dataset's place, which is another one when it was deleted and made anew, and its parts."""
    dataset = assay.uploads.find(name)
    parts = [
        Whole(one.id, read_file(assay.artifacts.confirmed(one.file), one.id, ending=f".{one.format}"))
        for one in assay.uploads.parts(name)
    ]
    return f"{NAMED}{name}/{dataset.id}", parts


def _summary(made: Run) -> dict[str, Any]:
    """A run for whoever asked for it, without the rows."""
    return {
        "dataset": made.dataset, "rows": made.rows, "train_rows": made.train_rows, "test_rows": made.test_rows,
        "removed": len(made.removed), "parts": msgspec.to_builtins(made.parts),
        "versions": [
            {"number": one.number, "recipe": one.recipe, "status": one.status, "metrics": one.metrics, "error": one.error}
            for one in made.versions
        ],
        "promoted": made.rollout.version if made.rollout else None, "unchanged": made.unchanged,
    }  # fmt: skip


def evaluate(assay: Assay, model: Model[Any], number: int | None, data: Path | None = None) -> Evaluation:
    """A version's metrics on the held-out rows of its own dataset, or on all rows of other data; kept.

    Raises VersionNotFound, NothingReleased or DataInvalid.
    """
    version = assay.version(model.name, number)
    if data is None:
        test = held_out(assay, model, version.dataset)
        return _keep_evaluation(assay, model, version, test, dataset=version.dataset, split="held-out")
    snapshot = Keeper(assay, model, str(data)).keep_snapshot(
        take(model, rows_of(assay, model, str(data)), _place(str(data)), to_judge=True)
    )
    with assay.database.writing() as connection:
        datasets.add(connection, snapshot.dataset)
    return _keep_evaluation(assay, model, version, snapshot.rows, dataset=snapshot.dataset.id, split="all")


def held_out(assay: Assay, model: Model[Any], dataset: str) -> pl.DataFrame:
    """The rows of a kept snapshot that no recipe has learnt from."""
    return split(kept_rows(assay, dataset), model.test_size, model.seed)[1]


def kept_rows(assay: Assay, dataset: str) -> pl.DataFrame:
    """All rows of a kept snapshot; raises ArtifactRejected."""
    return pl.read_parquet(io.BytesIO(assay.artifacts.get(dataset)))


def answers(assay: Assay, model: Model[Any], version: Version, asked: Lesson) -> NDArray[np.float64]:
    """float64 [n], or of labels [n, labels]: a version's own answers to a lesson, before the floor."""
    loaded = assay.loader.load(version)
    if model.labels and loaded.contract.audio is not None:
        digests = asked.rows[loaded.contract.audio].to_list()
        told = confidences(loaded, [loaded.reader.take({loaded.contract.audio: digest}) for digest in digests])
        return np.concatenate(told).astype(np.float64)
    return np.asarray(loaded.engine.run(asked.asked.to_dict(as_series=False)), np.float64)


def scores(assay: Assay, model: Model[Any], version: Version, rows: pl.DataFrame) -> Scores:
    """The scores of a version's own answers on rows that hold the fields and the target."""
    asked = lesson(model, rows, assay.sounds.windows)
    return judged(model, asked, answers(assay, model, version, asked))


def _keep_evaluation(
    assay: Assay, model: Model[Any], version: Version, rows: pl.DataFrame, *, dataset: str, split: str
) -> Evaluation:
    found = scores(assay, model, version, rows)
    made = Evaluation(
        id=new_id(), at=now_us(), model=model.name, version=version.number, dataset=dataset, split=split,
        rows=found.rows, metrics=found.metrics, segments=found.segments,
    )  # fmt: skip
    assay.evaluations.add(made)
    return made
