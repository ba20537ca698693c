"""What becomes of a training run's outcomes: snapshot and versions are kept, the gate is asked, and somebody is given the word."""

from __future__ import annotations

import weakref
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from assay.app.judging import judge
from assay.app.loading import access_of
from assay.domain.model import Model
from assay.domain.question.field import Field, audio_field
from assay.domain.recipe import Recipe
from assay.domain.releases.rollout import Rollout
from assay.domain.version import Version
from assay.errors import ArtifactRejected, DataInvalid, NotCompilable
from assay.recipes.remote import RemoteModel
from assay.releasing.register import GOLDEN_ROWS, Parts
from assay.serving.engines.remote import RemoteEngine
from assay.serving.similar import rows_file
from assay.sources.application import OWN_ROWS
from assay.store.files.formats import dump_pipeline, dump_remote
from assay.store.items import holds
from assay.store.work.trials import Study
from assay.training.lesson import Hear, lesson
from assay.training.snapshot import Known, Snapshot, read_parquet
from assay.training.train import Fitted
from assay.training.tune import study_name

if TYPE_CHECKING:
    from assay.app import Assay

GOLDEN_RECORDINGS, PROVED_RECORDINGS = (
    4,
    100,
)  # that a version is proved with when it is loaded, and when it is compiled


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
        """The rows of the newest snapshot from this source, each on its side; else, from elsewhere, the ruling version's.

        Made-up rows say nothing about given ones. None where a new history begins with nothing to hold it against.
        """
        assay, name = self._assay, self._model.name
        learnt = {version.number: assay.datasets.find(name, version.dataset) for version in assay.versions.all(name)}
        same = next((one for one in learnt.values() if one is not None and one.source == self._source), None)
        rollout = assay.rollouts.ruling(name)
        other = learnt.get(rollout.version) if rollout is not None else None
        chosen = same or (other if other is not None and other.source != OWN_ROWS else None)
        if chosen is None:
            return None
        try:
            rows = read_parquet(assay.artifacts.get(chosen.id))
            return Known.of(self._model, chosen.id, rows, elsewhere=same is None)
        except (ArtifactRejected, DataInvalid):
            return None

    def hear(self, digest: str, field: Field) -> NDArray[np.float32]:
        """float32 [seconds, samples]: a recording's seconds as an estimator is given them."""
        found: NDArray[np.float32] = self._assay.sounds.windows(digest, field)
        return found

    def connect(self, estimator: Any) -> None:
        """Lets an estimator that stands for a remote model ask it; raises VersionRejected where it may not."""
        if isinstance(estimator, RemoteModel):
            engine = RemoteEngine(estimator.remote, self._model.contract, access_of(self._assay.settings))
            weakref.finalize(estimator, engine.close)
            estimator.connect(engine, self._assay.sounds.locate)

    def learnt(self, dataset: str, code: str) -> bool:
        """Whether a run with this code has been through the snapshot to its end."""
        known = self._assay.datasets.find(self._model.name, dataset)
        return known is not None and known.learnt_by == code

    def begun(self, recipe: Recipe, dataset: str, code: str) -> Version | None:
        """The version that a run which was cut off has made of the recipe."""
        facts = (recipe.name, dataset, code, "ready", self._label)
        made = self._assay.versions.all(self._model.name)
        return next(
            (one for one in made if (one.recipe, one.dataset, one.code_digest, one.status, one.label) == facts), None
        )

    def end(self, dataset: str, code: str) -> None:
        """Every recipe has been through the snapshot, and the gate has spoken."""
        self._assay.datasets.learnt(self._model.name, dataset, code)

    def memory(self, recipe: Recipe, facts: dict[str, Any]) -> Study:
        """The trials of this search that were made before."""
        return self._assay.trials.study(study_name(self._model, recipe, **facts))

    def keep_snapshot(self, snapshot: Snapshot) -> Snapshot:
        """Keeps the rows, and those that were set aside, as files; recordings that they name stay from now on."""
        artifacts = self._assay.artifacts
        artifacts.put(snapshot.parquet)
        audio = audio_field(self._model.fields)
        if audio is not None:
            with self._assay.database.writing() as connection:
                holds.add(connection, snapshot.dataset.id, snapshot.rows[audio].to_list())
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
        remote = fitted.estimator.remote if isinstance(fitted.estimator, RemoteModel) else None
        try:
            pipeline = dump_pipeline(fitted.estimator, trusted) if remote is None else None
        except ArtifactRejected as refused:
            return self.keep_failed(msgspec.structs.replace(draft, status="broken", error=str(refused)), snapshot)
        fields = list(model.fields)
        graph, note = (
            _compiled(model, fitted.estimator, snapshot.rows, self.hear)
            if remote is None
            else (None, f"asks {remote.place}")
        )
        learnt = train.select(*fields, model.target).to_dict(as_series=False)
        parts = Parts(
            contract=model.contract, pipeline=pipeline, graph=graph, engine_note=note, trusted=trusted, gate=model.gate,
            remote=dump_remote(remote) if remote is not None else None,
            rows=None if model.labels else rows_file(learnt, model.contract),
            questions=test.select(fields).head(GOLDEN_ROWS if model.contract.audio is None else GOLDEN_RECORDINGS).to_dicts(),
        )  # fmt: skip
        return self._assay.registrar.register(draft, parts, snapshot.dataset)

    def promote(self, candidates: list[Version]) -> Rollout | str:
        """Gives the word to the best candidate that passes the gate; else the reason why nothing changes.

        Rows of the application's own `data.py` stand in where there are none: what was learnt from them never takes
        the word by itself from what was learnt from given data.
        """
        assay, model = self._assay, self._model
        rollout = assay.rollouts.ruling(model.name)
        if (
            rollout is not None
            and self._source == OWN_ROWS
            and _learnt_from(assay, model.name, rollout.version) != OWN_ROWS
        ):
            told = f"it learnt from {_learnt_from(assay, model.name, rollout.version)}, and these rows are only those of {OWN_ROWS}"
            return f"because {told}; `assay promote` with the version's number changes that"
        return assay.releaser.release(
            candidates, metric=model.metric, judge=lambda one: judge(assay, model, one, by=self._by), by=self._by
        )


def _learnt_from(assay: Assay, model: str, number: int) -> str:
    """The place whose rows a version has learnt from."""
    version = assay.versions.find(model, number)
    learnt = assay.datasets.find(model, version.dataset)
    return learnt.source if learnt is not None else OWN_ROWS


def _compiled(model: Model[Any], estimator: Any, rows: pl.DataFrame, hear: Hear) -> tuple[bytes | None, str]:
    """The graph of a fitted estimator, and how well it is proved; or none, and why."""
    from assay.serving.engines.compile import compile_pipeline, prove  # skl2onnx is slow to import

    contract = model.contract
    try:
        graph = compile_pipeline(estimator, contract)
        some = rows if contract.audio is None else rows.head(PROVED_RECORDINGS)
        proof = prove(graph, estimator, lesson(model, some, hear).asked, contract)
    except NotCompilable as refused:
        return None, str(refused)
    unit = "rows" if contract.audio is None else "seconds"
    return graph, f"equal to the native pipeline on {proof.rows} {unit} within {proof.max_difference:.3g}"
