"""Versions that are loaded: every file's hash confirmed, the golden answers given again, then ready to be asked."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np

from assay.domain.answer import DECIMALS
from assay.domain.question.contract import Contract
from assay.domain.question.field import Field
from assay.domain.question.reader import QuestionReader
from assay.domain.version import Manifest, Version
from assay.errors import (
    ArtifactRejected,
    Fault,
    ModelFailed,
    ModelTimedOut,
    Overloaded,
    QuestionInvalid,
    RemoteModelAway,
    VersionRejected,
)
from assay.serving.engines.compiled import Columns, Floats, GraphEngine
from assay.serving.engines.hosts import HostEngine, Load
from assay.store.files.artifacts import Artifacts
from assay.store.files.formats import load_rows

GOLDEN_TOLERANCE = 1e-6
OF_CONFIDENCES = 1e-4  # which another processor may round apart
BACKGROUND_SEED = 7
VERIFY_MEMORY_BYTES = 8 << 30
GOLDEN_SECONDS = 8  # of each recording that a version is proved with


class Engine(Protocol):
    """What answers columns of equal length with one number a row, or one confidence a row and label."""

    def run(self, columns: Columns) -> Floats: ...
    def close(self) -> None: ...


Connect = Callable[[bytes, Contract], Engine]  # to whom a remote model's specification says


class Hearing(Protocol):
    """How recordings are heard: by the sha256 of their bytes."""

    def locate(self, digest: str) -> Path: ...
    def windows(self, digest: str, field: Field) -> Floats: ...


@dataclass(frozen=True, kw_only=True)
class LoadedVersion:
    """A version that can be asked; immutable, shared by every thread."""

    model: str
    number: int
    contract: Contract
    reader: QuestionReader
    engine: Engine
    rows: Floats | None
    hearing: Hearing | None = None

    @property
    def elsewhere(self) -> bool:
        """Whether somebody else computes the answers, who is not to be asked twice because nobody knows why it failed."""
        return hasattr(self.engine, "detect")

    def heard(self, digest: str) -> Floats:
        """The seconds of a recording, float32 [seconds, samples]; raises QuestionInvalid or AudioRejected."""
        self.located(digest)
        return self._ears.windows(digest, self.contract.fields[self.contract.audio or ""])

    def seconds(self, digest: str) -> int:
        """How many whole seconds a recording has; raises QuestionInvalid or AudioRejected."""
        return len(self.heard(digest))

    def located(self, digest: str) -> Path:
        """Where a recording's bytes are; raises QuestionInvalid."""
        try:
            return self._ears.locate(digest)
        except ArtifactRejected:
            told = "names no recording that is kept here; upload it first"
            raise QuestionInvalid((Fault(f"#/{self.contract.audio}", told, "unknown_recording"),)) from None

    @property
    def _ears(self) -> Hearing:
        if self.hearing is None:
            raise ModelFailed("Nothing in this process hears recordings.")
        return self.hearing

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


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long a model in a process of its own may take for one batch, and its proof; how many questions are a list."""

    model_timeout_s: float = 30.0
    verify_timeout_s: float = 60.0
    max_rows: int = 10_000


class Loader:
    """Loads versions from the artifacts; `path` is where the author's own classes are found, `hearing` how recordings are.

    `remote` connects to remote models; without it, versions that ask one are refused.
    """

    def __init__(
        self, artifacts: Artifacts, *, path: Path | None = None, hearing: Hearing | None = None,
        remote: Connect | None = None, limits: Limits = Limits(), check_golden: bool = True,
    ) -> None:  # fmt: skip
        self._artifacts = artifacts
        self._path = path
        self._hearing = hearing
        self._limits = limits
        self._remote = remote
        self._check_golden = check_golden

    def load(self, version: Version, *, apart: bool = False) -> LoadedVersion:
        """A version ready to be asked; raises ArtifactRejected or VersionRejected.

        `apart`, it is in a process of its own, and limited, where it could answer in this one.
        """
        manifest = self.manifest(version)
        found = LoadedVersion(
            model=version.model,
            number=version.number,
            contract=manifest.contract,
            reader=self._reader(manifest.contract),
            engine=self._apart(manifest) if apart else self._engine(manifest),
            rows=self._rows(manifest),
            hearing=self._hearing,
        )
        weakref.finalize(found, found.engine.close)  # a version ends with the last request that it answers
        if self._check_golden and manifest.engine != "remote":  # which may be down, and may have changed
            self._compare(manifest, found.engine)
        return found

    def verify(self, version: Version) -> None:
        """Loads and asks the version in a throwaway process; raises ArtifactRejected or VersionRejected.

        A damaged model file can end the process that opens it, so that process is never ours. A remote model is asked from
        here; raises RemoteModelAway where it does not answer.
        """
        manifest = self.manifest(version)
        for kept in manifest.files.values():  # also those that only a later need would read
            self._artifacts.get(kept.sha256)
        self._rows(manifest)
        if manifest.engine == "remote":
            questions = manifest.golden.questions[:1] if self._check_golden else ()
            _ask_each(version, self._engine(manifest), manifest.contract, self._hearing, questions)
            return
        child = self._host(manifest, self._limits.verify_timeout_s, VERIFY_MEMORY_BYTES)
        try:
            if self._check_golden:
                self._compare(manifest, child)
        finally:
            child.close()

    def answers(self, manifest: Manifest, questions: list[dict[str, Any]]) -> list[float]:
        """What a version that is being registered answers to these questions, in a throwaway process."""
        child = self._host(manifest, self._limits.verify_timeout_s, VERIFY_MEMORY_BYTES)
        try:
            return _finished(manifest.contract, child.run(self._columns(manifest.contract, questions)))
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
            return QuestionReader(contract, self._limits.max_rows)
        except (TypeError, ValueError) as broken:  # one version with an impossible contract must not stop the others
            raise VersionRejected("The version's contract describes questions that cannot be asked.") from broken

    def _engine(self, manifest: Manifest) -> Engine:
        if manifest.engine == "onnx":
            return GraphEngine(self._artifacts.get(manifest.files["graph"].sha256), manifest.contract)
        if manifest.engine == "remote":
            if self._remote is None:
                raise VersionRejected("Nothing in this process asks remote models.")
            return self._remote(self._artifacts.get(manifest.files["remote"].sha256), manifest.contract)
        return self._host(manifest, self._limits.model_timeout_s, 0)

    def _apart(self, manifest: Manifest) -> Engine:
        if manifest.engine == "remote":
            return self._engine(manifest)
        return self._host(manifest, self._limits.model_timeout_s, VERIFY_MEMORY_BYTES)

    def _host(self, manifest: Manifest, timeout_s: float, memory_bytes: int) -> HostEngine:
        kept = manifest.files["graph" if manifest.engine == "onnx" else "pipeline"]
        load = Load(
            contract=manifest.contract, engine=manifest.engine, data=self._artifacts.get(kept.sha256),
            trusted=manifest.trusted, memory_bytes=memory_bytes,
        )  # fmt: skip
        return HostEngine(load, timeout_s=timeout_s, path=self._path, load_timeout_s=self._limits.verify_timeout_s)

    def _rows(self, manifest: Manifest) -> Floats | None:
        kept = manifest.files.get("rows")
        if kept is None:
            return None
        return load_rows(self._artifacts.get(kept.sha256))

    def _compare(self, manifest: Manifest, engine: Engine) -> None:
        golden = manifest.golden
        try:
            found = engine.run(self._columns(manifest.contract, golden.questions))
            given = np.asarray(_finished(manifest.contract, found))
        except (ModelFailed, ModelTimedOut) as failed:
            raise VersionRejected(f"The version failed on its golden questions: {failed}") from failed
        told = np.asarray(golden.answers)
        apart = OF_CONFIDENCES if manifest.contract.target.labels else GOLDEN_TOLERANCE
        if given.shape != told.shape or not np.allclose(given, told, rtol=GOLDEN_TOLERANCE, atol=apart):
            raise VersionRejected("The version does not give its golden answers again; it was refused.")

    def _columns(self, contract: Contract, questions: Sequence[Mapping[str, Any]]) -> Columns:
        """The questions turned on their side; of recordings the first seconds of each."""
        if contract.audio is None:
            return {name: [question[name] for question in questions] for name in contract.fields}
        if self._hearing is None:
            raise VersionRejected("Nothing in this process hears the recordings that the version is proved with.")
        field = contract.fields[contract.audio]
        heard = [self._hearing.windows(question[contract.audio], field)[:GOLDEN_SECONDS] for question in questions]
        return {contract.audio: np.concatenate(heard) if heard else np.empty((0, field.samples), np.float32)}


def _finished(contract: Contract, found: Floats) -> list[float]:
    """Raw answers as they are given; confidences one after the other."""
    if contract.target.labels:
        return [round(float(one), DECIMALS) for one in found.reshape(-1)]
    return contract.target.finish(found.tolist())


def _ask_each(
    version: Version,
    engine: Engine,
    contract: Contract,
    hearing: Hearing | None,
    questions: Sequence[Mapping[str, Any]],
) -> None:
    """Asks a remote model, which shows that it answers, and not that it answers as it did.

    Raises RemoteModelAway where it does not: it may in a minute.
    """
    detect: Any = getattr(engine, "detect", None)
    try:
        for question in questions:
            if contract.audio is None or hearing is None or detect is None:
                engine.run({name: [question[name]] for name in contract.fields})
            else:
                digest = question[contract.audio]
                detect(hearing.locate(digest), len(hearing.windows(digest, contract.fields[contract.audio])))
    except (ModelFailed, ModelTimedOut, Overloaded) as failed:
        raise RemoteModelAway(version.number, str(failed)) from failed
    finally:
        engine.close()
