"""Versions that are loaded: every file's hash confirmed, the golden answers given again, then ready to be asked."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np

from assay.domain.question.contract import Contract
from assay.domain.question.reader import QuestionReader
from assay.domain.version import Manifest, Version
from assay.errors import ArtifactRejected, ModelFailed, ModelTimedOut, VersionRejected
from assay.serving.engines.compiled import Columns, Floats, GraphEngine
from assay.serving.engines.hosts import HostEngine, Load
from assay.store.files.artifacts import Artifacts
from assay.store.files.formats import load_rows

GOLDEN_TOLERANCE = 1e-6
BACKGROUND_SEED = 7
VERIFY_MEMORY_BYTES = 8 << 30


class Engine(Protocol):
    """What answers columns of equal length with one number a row."""

    def run(self, columns: Columns) -> Floats: ...
    def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class LoadedVersion:
    """A version that can be asked; immutable, shared by every thread."""

    model: str
    number: int
    contract: Contract
    reader: QuestionReader
    engine: Engine
    rows: Floats | None

    def background(self, count: int) -> Floats:
        """`count` training rows, one from the middle of each of as many equal slices of the targets, in random order."""
        if self.rows is None:
            raise ArtifactRejected("The version keeps no training rows.")
        places = ((np.arange(count) + 0.5) / count * len(self.rows)).astype(int)
        found: Floats = self.rows[self._by_target[places]]
        return np.random.default_rng(BACKGROUND_SEED).permutation(found)

    @cached_property
    def _by_target(self) -> Floats:
        rows: Any = self.rows
        found: Floats = np.argsort(rows[self.contract.target.name], kind="stable")
        return found

    def columns(self, questions: list[Any]) -> Columns:
        """The questions turned on their side: one list a field."""
        return {name: [getattr(question, name) for question in questions] for name in self.contract.fields}


class Loader:
    """Loads versions from the artifacts; `path` is where the author's own classes are found."""

    def __init__(
        self, artifacts: Artifacts, *, path: Path | None = None, model_timeout_s: float = 30.0,
        verify_timeout_s: float = 60.0, max_rows: int = 10_000, check_golden: bool = True,
    ) -> None:  # fmt: skip
        self._artifacts = artifacts
        self._path = path
        self._model_timeout_s = model_timeout_s
        self._verify_timeout_s = verify_timeout_s
        self._max_rows = max_rows
        self._check_golden = check_golden

    def load(self, version: Version) -> LoadedVersion:
        """A version ready to be asked; raises ArtifactRejected or VersionRejected."""
        manifest = self.manifest(version)
        found = LoadedVersion(
            model=version.model,
            number=version.number,
            contract=manifest.contract,
            reader=self._reader(manifest.contract),
            engine=self._engine(manifest),
            rows=self._rows(manifest),
        )
        weakref.finalize(found, found.engine.close)  # a version ends with the last request that it answers
        if self._check_golden:
            self._compare(manifest, found.engine)
        return found

    def verify(self, version: Version) -> None:
        """Loads and asks the version in a throwaway process; raises ArtifactRejected or VersionRejected.

        A damaged model file can end the process that opens it, so that process is never ours.
        """
        manifest = self.manifest(version)
        for kept in manifest.files.values():  # also those that only a later need would read
            self._artifacts.get(kept.sha256)
        self._rows(manifest)
        child = self._host(manifest, self._verify_timeout_s, VERIFY_MEMORY_BYTES)
        try:
            if self._check_golden:
                self._compare(manifest, child)
        finally:
            child.close()

    def answers(self, manifest: Manifest, questions: list[dict[str, Any]]) -> list[float]:
        """What a version that is being registered answers to these questions, in a throwaway process."""
        child = self._host(manifest, self._verify_timeout_s, VERIFY_MEMORY_BYTES)
        try:
            columns = {name: [question[name] for question in questions] for name in manifest.contract.fields}
            return manifest.contract.target.finish(child.run(columns).tolist())
        finally:
            child.close()

    def manifest(self, version: Version) -> Manifest:
        """The version's manifest; raises VersionRejected where it has none."""
        if version.manifest is None:
            raise VersionRejected(f"Version {version.number} failed in training and cannot answer: {version.error}")
        try:
            return msgspec.json.decode(self._artifacts.get(version.manifest), type=Manifest)
        except msgspec.DecodeError as broken:
            raise ArtifactRejected("The manifest cannot be read.") from broken

    def _reader(self, contract: Contract) -> QuestionReader:
        try:
            return QuestionReader(contract, self._max_rows)
        except (TypeError, ValueError) as broken:  # one version with an impossible contract must not stop the others
            raise VersionRejected("The version's contract describes questions that cannot be asked.") from broken

    def _engine(self, manifest: Manifest) -> Engine:
        if manifest.engine == "onnx":
            return GraphEngine(self._artifacts.get(manifest.files["graph"].sha256), manifest.contract)
        return self._host(manifest, self._model_timeout_s, 0)

    def _host(self, manifest: Manifest, timeout_s: float, memory_bytes: int) -> HostEngine:
        kept = manifest.files["graph" if manifest.engine == "onnx" else "pipeline"]
        load = Load(
            contract=manifest.contract, engine=manifest.engine, data=self._artifacts.get(kept.sha256),
            trusted=manifest.trusted, memory_bytes=memory_bytes,
        )  # fmt: skip
        return HostEngine(load, timeout_s=timeout_s, path=self._path, load_timeout_s=self._verify_timeout_s)

    def _rows(self, manifest: Manifest) -> Floats | None:
        kept = manifest.files.get("rows")
        if kept is None:
            return None
        return load_rows(self._artifacts.get(kept.sha256))

    @staticmethod
    def _compare(manifest: Manifest, engine: Engine) -> None:
        golden = manifest.golden
        columns = {name: [question[name] for question in golden.questions] for name in manifest.contract.fields}
        try:
            answers = manifest.contract.target.finish(engine.run(columns).tolist())
        except (ModelFailed, ModelTimedOut) as failed:
            raise VersionRejected(f"The version failed on its golden questions: {failed}") from failed
        told = np.asarray(golden.answers)
        given = np.asarray(answers)
        if given.shape != told.shape or not np.allclose(given, told, rtol=GOLDEN_TOLERANCE, atol=GOLDEN_TOLERANCE):
            raise VersionRejected("The version does not give its golden answers again; it was refused.")
