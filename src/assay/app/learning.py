"""Training and evaluation: what becomes of a run's snapshot and versions, and who is given the word."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import polars as pl

from assay.clock import new_id, now_us
from assay.domain.evaluation import Evaluation
from assay.domain.model import Model
from assay.domain.recipe import Recipe
from assay.domain.releases.rollout import Rollout
from assay.domain.version import Version
from assay.errors import ArtifactRejected, DataInvalid, NotCompilable
from assay.releasing.register import GOLDEN_ROWS, Parts
from assay.serving.similar import rows_file
from assay.sources.application import OWN_ROWS
from assay.sources.databases import shown
from assay.sources.files import read_file, read_rows
from assay.sources.looks import kind
from assay.sources.parts import read_parts
from assay.store import datasets
from assay.store.formats import dump_pipeline
from assay.store.work.trials import Study
from assay.training.evaluate import Scores, score
from assay.training.run import Plan, Run, run
from assay.training.snapshot import Known, Rows, Snapshot, Whole, take
from assay.training.split import split
from assay.training.train import Fitted
from assay.training.tune import study_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.app import Assay
    from assay.app.working import Report
    from assay.domain.job import Job


NAMED = "dataset:"  # opens a place that is a named dataset


def train(assay: Assay, model: Model[Any], data: Path | str | None, plan: Plan | None = None, **told: Any) -> Run:
    """Trains the recipes on a fresh snapshot, registers each run, and gives the word to the best that passes the gate.

    `data` is a path, a glob, an address, or `dataset:NAME`; the application's own rows if None. `told` may hold the
    `label` of the versions, `by` whom it was asked, and the `query` of a database.
    Raises DataInvalid, DatasetNotFound or ApplicationInvalid.
    """
    query = told.pop("query", None)
    if data is None:
        source, rows = OWN_ROWS, assay.application.own_rows()
    elif str(data).startswith(NAMED):
        source, rows = _uploaded(assay, str(data).removeprefix(NAMED))
    else:
        source, rows = _place(str(data)), read_parts(str(data), query)
    return run(model, rows, source=source, keeping=Keeper(assay, model, source, **told), plan=plan or Plan())


def train_for(assay: Assay, job: Job, report: Report) -> dict[str, Any]:
    """What the job `train` does: its model, or every model of the application; what came of each, by the model's name.

    Arguments: `data` (a place) or `dataset` (a named one), `recipes`, `trials`, `parameters`, `promote`, `label`. Fresh
    rows and schedules train only where there is something that was not learnt from.
    """
    told, settings = job.arguments, assay.settings
    plan = Plan(
        trials=told.get("trials") or settings.trials, only=tuple(told.get("recipes") or ()),
        parameters=told.get("parameters"), promote=told.get("promote", True), progress=report.at,
        again=job.key is None or not job.key.startswith(("fresh:", "schedule:")),
    )  # fmt: skip
    data = f"{NAMED}{told['dataset']}" if told.get("dataset") else told.get("data") or settings.data
    found = {}
    for name in [job.model] if job.model else list(assay.application.models()):
        model = assay.application.model(name)
        made = train(assay, model, data, plan, label=told.get("label"), by=job.by, query=settings.query)
        for part in made.parts:
            if part.refused:
                why = part.evidence.removeprefix(f"{part.name}: ")
                report.say(f"left out: {part.name}: {part.refused}: {why}")
        found[name] = _summary(made)
    return found


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
        take(model, read_rows(data), _place(str(data)), to_judge=True)
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


def answers(assay: Assay, model: Model[Any], version: Version, rows: pl.DataFrame) -> NDArray[np.float64]:
    """float64 [n]: a version's own answers to rows that hold the fields, before the floor."""
    loaded = assay.loader.load(version)
    return np.asarray(loaded.engine.run(rows.select(list(model.fields)).to_dict(as_series=False)), np.float64)


def scores(assay: Assay, model: Model[Any], version: Version, rows: pl.DataFrame) -> Scores:
    """The scores of a version's own answers on rows that hold the fields and the target."""
    return score(rows[model.target].to_numpy(), answers(assay, model, version, rows), rows, model.segments)


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


class Keeper:
    """What becomes of a training run's outcomes: snapshot, versions and the decision who answers."""

    def __init__(
        self, assay: Assay, model: Model[Any], source: str, *, label: str | None = None, by: str = "assay train"
    ) -> None:  # fmt: skip
        self._assay = assay
        self._model = model
        self._source = source
        self._label = label
        self._by = by

    def known(self) -> Known | None:
        """The rows of the newest snapshot from this source, each on its side; None where a new history begins."""
        assay, model = self._assay, self._model
        for version in assay.versions.all(model.name):
            dataset = assay.datasets.find(model.name, version.dataset)
            if dataset is not None and dataset.source == self._source:
                try:
                    return Known.of(model, dataset.id, kept_rows(assay, dataset.id))
                except (ArtifactRejected, DataInvalid):
                    return None
        return None

    def memory(self, recipe: Recipe, facts: dict[str, Any]) -> Study:
        """The trials of this search that were made before."""
        return self._assay.trials.study(study_name(self._model, recipe, **facts))

    def keep_snapshot(self, snapshot: Snapshot) -> Snapshot:
        """Keeps the rows, and those that were set aside, as files."""
        artifacts = self._assay.artifacts
        artifacts.put(snapshot.parquet)
        removed = artifacts.put(snapshot.removed_lines) if snapshot.removed else None
        return replace(snapshot, dataset=msgspec.structs.replace(snapshot.dataset, removed_file=removed))

    def keep_failed(self, draft: Version, snapshot: Snapshot) -> Version:
        """A failed run is history too."""
        return self._assay.registrar.keep(msgspec.structs.replace(draft, label=self._label), snapshot.dataset)

    def keep_fitted(
        self, draft: Version, fitted: Fitted, snapshot: Snapshot, train: pl.DataFrame, test: pl.DataFrame
    ) -> Version:
        """Stores, compiles, proves and registers a fitted recipe."""
        model = self._model
        draft = msgspec.structs.replace(draft, label=self._label)
        trusted = tuple(f"{kind.__module__}.{kind.__qualname__}" for kind in model.trusted)
        try:
            pipeline = dump_pipeline(fitted.estimator, trusted)
        except ArtifactRejected as refused:
            return self.keep_failed(msgspec.structs.replace(draft, status="broken", error=str(refused)), snapshot)
        fields = list(model.fields)
        graph, note = self._compiled(fitted.estimator, snapshot.rows.select(fields))
        parts = Parts(
            contract=model.contract, pipeline=pipeline, graph=graph, engine_note=note, trusted=trusted, gate=model.gate,
            rows=rows_file(train.select(*fields, model.target).to_dict(as_series=False), model.contract),
            questions=test.select(fields).head(GOLDEN_ROWS).to_dicts(),
        )  # fmt: skip
        return self._assay.registrar.register(draft, parts, snapshot.dataset)

    def promote(self, candidates: list[Version]) -> Rollout | str:
        """Gives the word to the best candidate that passes the gate; else the reason why nothing changes.

        Rows of the application's own `data.py` stand in where there are none: what was learnt from them never takes
        the word by itself from what was learnt from given data.
        """
        from assay.app.judging import judge

        assay, model = self._assay, self._model
        rollout = assay.rollouts.ruling(model.name)
        if rollout is not None and self._source == OWN_ROWS and self._learnt_from(rollout.version) != OWN_ROWS:
            told = f"it learnt from {self._learnt_from(rollout.version)}, and these rows are only those of {OWN_ROWS}"
            return f"because {told}; `assay promote` with the version's number changes that"
        return assay.releaser.release(
            candidates, metric=model.metric, judge=lambda one: judge(assay, model, one, by=self._by), by=self._by
        )

    def _learnt_from(self, number: int) -> str:
        version = self._assay.versions.find(self._model.name, number)
        learnt = self._assay.datasets.find(self._model.name, version.dataset)
        return learnt.source if learnt is not None else OWN_ROWS

    def _compiled(self, estimator: Any, rows: pl.DataFrame) -> tuple[bytes | None, str]:
        from assay.serving.engines.compile import compile_pipeline, prove  # skl2onnx is slow to import

        contract = self._model.contract
        try:
            graph = compile_pipeline(estimator, contract)
            proof = prove(graph, estimator, rows, contract)
        except NotCompilable as refused:
            return None, str(refused)
        return graph, f"equal to the native pipeline on {proof.rows} rows within {proof.max_difference:.3g}"
