"""Joins the parts once; the only module that knows them all."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from assay.clock import new_id, now_us
from assay.domain.evaluation import Evaluation
from assay.domain.exchange import Exchange
from assay.domain.model import Model
from assay.domain.prediction import Prediction
from assay.domain.rollout import Rollout
from assay.domain.version import Version
from assay.errors import ArtifactRejected, AssayError, NotCompilable, NothingReleased, ParameterInvalid
from assay.releasing.promote import Releaser
from assay.releasing.register import GOLDEN_ROWS, Parts, Registrar
from assay.serving.loaded import Loader
from assay.serving.served import answer
from assay.serving.similar import rows_file
from assay.settings import Settings, settings_for
from assay.sources.application import OWN_ROWS, Application
from assay.store import datasets, schema
from assay.store.artifacts import Artifacts
from assay.store.database import Database
from assay.store.datasets import Datasets
from assay.store.evaluations import Evaluations
from assay.store.exchanges import Exchanges
from assay.store.paging import MAX_LIMIT, Window, cursor_of
from assay.store.predictions import Predictions
from assay.store.recorder import Entry, Recorder
from assay.store.rollouts import Rollouts
from assay.store.versions import Versions

if TYPE_CHECKING:
    import polars as pl

    from assay.training.evaluate import Scores
    from assay.training.run import Plan, Run
    from assay.training.snapshot import Snapshot
    from assay.training.train import Fitted


class Assay:
    """One application and its home: the parts, joined. Every verb of the product is a method or a part's method."""

    def __init__(self, application: Application, settings: Settings) -> None:
        home = settings.home or application.folder / ".assay"
        unsafe = settings.unsafe
        self.application = application
        self.settings = settings
        self.home: Path = home
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.database = Database(home / "assay.db", synchronous="OFF" if "no-sync" in unsafe else "FULL")
        schema.upgrade(self.database)
        self.artifacts = Artifacts(home / "artifacts", check="no-hash" not in unsafe)
        self.versions = Versions(self.database)
        self.datasets = Datasets(self.database)
        self.evaluations = Evaluations(self.database)
        self.rollouts = Rollouts(self.database)
        self.predictions = Predictions(self.database)
        self.exchanges = Exchanges(self.database)
        self.recorder = Recorder(self.database)
        self.loader = Loader(
            self.artifacts, path=application.folder, model_timeout_s=settings.model_timeout_s,
            verify_timeout_s=settings.verify_timeout_s, max_rows=settings.max_rows, check_golden="no-golden" not in unsafe,
        )  # fmt: skip
        self.releaser = Releaser(self.versions, self.rollouts, self.loader.verify)
        self.registrar = Registrar(self.database, self.artifacts, verify=self.loader.verify, answer=self.loader.answers)

    @classmethod
    def at(cls, folder: Path, **told: Any) -> Assay:
        """The application in this folder, with the settings told, of the environment and of its `assay.toml`."""
        application = Application.at(folder)
        return cls(application, settings_for(application.folder, **told))

    def train(self, model: Model[Any], data: Path | None, plan: Plan | None = None) -> Run:
        """Trains the recipes on a fresh snapshot, registers each run, and gives the word to the best if it is better.

        Raises DataInvalid or ApplicationInvalid.
        """
        from assay.sources.files import read_rows  # polars and scikit-learn: only training pays for their import
        from assay.training.run import Plan, run

        rows = read_rows(data) if data is not None else self.application.own_rows()
        source = str(data) if data is not None else OWN_ROWS
        return run(model, rows, source=source, keeping=TrainingKeeper(self, model), plan=plan or Plan())

    def evaluate(self, model: Model[Any], number: int | None, data: Path | None = None) -> Evaluation:
        """A version's metrics on the held-out rows of its own dataset, or on all rows of other data; kept.

        Raises VersionNotFound, NothingReleased or DataInvalid.
        """
        from assay.sources.files import read_rows
        from assay.training.snapshot import take

        version = self.version(model.name, number)
        if data is None:
            test = self.held_out(model, version.dataset)
            return self._keep_evaluation(model, version, test, dataset=version.dataset, split="held-out")
        snapshot = TrainingKeeper(self, model).keep_snapshot(take(model, read_rows(data), str(data)))
        with self.database.writing() as connection:
            datasets.add(connection, snapshot.dataset)
        return self._keep_evaluation(model, version, snapshot.rows, dataset=snapshot.dataset.id, split="all")

    def held_out(self, model: Model[Any], dataset: str) -> pl.DataFrame:
        """The rows of a kept snapshot that no recipe has learnt from."""
        import polars as pl

        from assay.training.split import split

        rows = pl.read_parquet(io.BytesIO(self.artifacts.get(dataset)))
        return split(rows, model.test_size, model.seed)[1]

    def score(self, model: Model[Any], version: Version, rows: pl.DataFrame) -> Scores:
        """The scores of a version's own answers (before the floor) on rows that hold the fields and the target."""
        from assay.training.evaluate import score

        loaded = self.loader.load(version)
        found = loaded.engine.run(rows.select(list(model.fields)).to_dict(as_series=False))
        return score(rows[model.target].to_numpy(), np.asarray(found, np.float64), rows, model.segments)

    def _keep_evaluation(
        self, model: Model[Any], version: Version, rows: pl.DataFrame, *, dataset: str, split: str
    ) -> Evaluation:
        scores = self.score(model, version, rows)
        made = Evaluation(
            id=new_id(), at=now_us(), model=model.name, version=version.number, dataset=dataset, split=split,
            rows=scores.rows, metrics=scores.metrics, segments=scores.segments,
        )  # fmt: skip
        self.evaluations.add(made)
        return made

    def version(self, model: str, number: int | None = None) -> Version:
        """The version of this number, or the one that rules; raises VersionNotFound or NothingReleased."""
        if number is not None:
            return self.versions.find(model, number)
        return self.versions.find(model, self.ruling(model).version)

    def ruling(self, model: str) -> Rollout:
        """The rollout that rules the model; raises NothingReleased."""
        rollout = self.rollouts.ruling(model)
        if rollout is None:
            raise NothingReleased(model)
        return rollout

    def predict(self, model: str, body: bytes, number: int | None = None) -> list[Prediction]:
        """Answers questions given as JSON, recorded as predictions without an exchange."""
        version = self.loader.load(self.version(model, number))
        questions, _ = version.reader.read(body)
        answered = answer(version, [questions])[0]
        entry = Entry(None, answered.rows([msgspec.json.encode(question).decode() for question in questions], None))
        self.recorder.record([entry])
        if entry.error is not None:
            raise entry.error
        return [
            Prediction(id=one, model=model, version=version.number, prediction=value)
            for one, value in zip(answered.ids, answered.values, strict=True)
        ]

    def log(self, *, path: str | None = None, limit: int = 100, before: str | None = None) -> list[Exchange]:
        """The newest exchanges first, at most `limit` (1 to 1,000); `before` is the id of the last one already seen.

        Raises ParameterInvalid, or BadCursor where that is no id.
        """
        if not 1 <= limit <= MAX_LIMIT:
            raise ParameterInvalid("limit", f"must be a whole number from 1 to {MAX_LIMIT}")
        cursor = None if before is None else cursor_of(before)
        return self.exchanges.page(Window(limit=limit, cursor=cursor), path=path).entries

    def close(self) -> None:
        """Gives everything back."""
        self.recorder.close()
        self.database.close()


class TrainingKeeper:
    """What becomes of a training run's outcomes: snapshot, versions and the decision who answers."""

    def __init__(self, assay: Assay, model: Model[Any]) -> None:
        self._assay = assay
        self._model = model
        self._source = ""

    def keep_snapshot(self, snapshot: Snapshot) -> Snapshot:
        """Keeps the rows, and those that were set aside, as files."""
        artifacts = self._assay.artifacts
        self._source = snapshot.dataset.source
        artifacts.put(snapshot.parquet)
        removed = artifacts.put(snapshot.removed_lines) if snapshot.removed else None
        return replace(snapshot, dataset=msgspec.structs.replace(snapshot.dataset, removed_file=removed))

    def keep_failed(self, draft: Version, snapshot: Snapshot) -> Version:
        """A failed run is history too."""
        return self._assay.registrar.keep(draft, snapshot.dataset)

    def keep_fitted(
        self, draft: Version, fitted: Fitted, snapshot: Snapshot, train: pl.DataFrame, test: pl.DataFrame
    ) -> Version:
        """Stores, compiles, proves and registers a fitted recipe."""
        from assay.store.formats import dump_pipeline  # only training stores pipelines

        model = self._model
        trusted = tuple(f"{kind.__module__}.{kind.__qualname__}" for kind in model.trusted)
        try:
            pipeline = dump_pipeline(fitted.estimator, trusted)
        except ArtifactRejected as refused:
            return self.keep_failed(msgspec.structs.replace(draft, status="broken", error=str(refused)), snapshot)
        fields = list(model.fields)
        graph, note = self._compiled(fitted.estimator, snapshot.rows.select(fields))
        parts = Parts(
            contract=model.contract, pipeline=pipeline, graph=graph, engine_note=note, trusted=trusted,
            rows=rows_file(train.to_dict(as_series=False), model.contract),
            questions=test.select(fields).head(GOLDEN_ROWS).to_dicts(),
        )  # fmt: skip
        return self._assay.registrar.register(draft, parts, snapshot.dataset)

    def promote(self, candidates: list[Version], test: pl.DataFrame, dataset: str) -> Rollout | str:
        """Gives the word to the best candidate if it is better than the ruling version on the same held-out rows.

        Else the reason why nothing changes. Rows of the application's own `data.py` stand in where there are none: what
        was learnt from them never takes the word by itself from what was learnt from given data.
        """
        assay, model = self._assay, self._model
        rollout = assay.rollouts.ruling(model.name)
        value = None
        if rollout is not None:
            champion = assay.versions.find(model.name, rollout.version)
            learnt = assay.datasets.find(model.name, champion.dataset)
            if self._source == OWN_ROWS and learnt is not None and learnt.source != OWN_ROWS:
                told = f"it learnt from {learnt.source}, and these rows are only those of {OWN_ROWS}"
                return f"because {told}; `assay promote` with the version's number changes that"
            same = champion.dataset == dataset
            try:
                value = (champion.metrics if same else assay.score(model, champion, test).metrics).get(model.metric)
            except AssayError:
                value = None  # a champion that cannot be loaded any more cannot hold its place
        decided = assay.releaser.promote_best(candidates, metric=model.metric, champion_value=value, by="assay train")
        told = "" if value is None else f": {model.metric} {value:,.2f} on the same rows"
        return decided or f"because no new version is better{told}"

    def _compiled(self, estimator: Any, rows: pl.DataFrame) -> tuple[bytes | None, str]:
        from assay.serving.engines.compile import compile_pipeline, prove  # skl2onnx is slow to import

        contract = self._model.contract
        try:
            graph = compile_pipeline(estimator, contract)
            proof = prove(graph, estimator, rows, contract)
        except NotCompilable as refused:
            return None, str(refused)
        return graph, f"equal to the native pipeline on {proof.rows} rows within {proof.max_difference:.3g}"
