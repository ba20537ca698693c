"""Registration: a fitted recipe becomes a version, complete or not at all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec

from assay.domain.dataset import Dataset
from assay.domain.question.contract import Contract
from assay.domain.releases.gate import Gate
from assay.domain.version import Engine, FileEntry, Golden, Manifest, Version
from assay.errors import ArtifactRejected, ModelFailed, ModelTimedOut, RemoteModelAway, VersionRejected
from assay.store import datasets, evaluations, versions
from assay.store.database import Database
from assay.store.files.artifacts import Artifacts

GOLDEN_ROWS = 24


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a version is made of: the stored pipeline, its compiled graph if it has one, and training rows if it keeps any.

    A version that asks a remote model has that one's specification, `remote`, instead of a pipeline.
    """

    contract: Contract
    pipeline: bytes | None
    graph: bytes | None
    rows: bytes | None
    engine_note: str
    questions: list[dict[str, Any]]
    trusted: tuple[str, ...] = ()
    gate: Gate | None = None
    remote: bytes | None = None


class Registrar:
    """Writes files first, each synced, then one transaction: what dies in between leaves nothing that can be seen."""

    def __init__(
        self, database: Database, artifacts: Artifacts, *,
        verify: Callable[[Version], None], answer: Callable[[Manifest, list[dict[str, Any]]], list[float]],
    ) -> None:  # fmt: skip
        self._database = database
        self._artifacts = artifacts
        self._verify = verify
        self._answer = answer

    def register(self, draft: Version, parts: Parts, dataset: Dataset) -> Version:
        """The registered version: `ready`, or `broken` with the reason where it did not pass its verification."""
        try:
            manifest = self._manifest(parts)
            kept = msgspec.structs.replace(
                draft, manifest=self._artifacts.put(msgspec.json.encode(manifest)), engine=manifest.engine
            )
            with suppress(RemoteModelAway):  # for now: it is asked again before its version may answer
                self._verify(kept)
        except (ArtifactRejected, VersionRejected, ModelFailed, ModelTimedOut) as refused:
            kept = msgspec.structs.replace(draft, status="broken", error=str(refused))
        return self.keep(kept, dataset)

    def keep(self, version: Version, dataset: Dataset) -> Version:
        """One transaction: the dataset, the version under its number, and its evaluation if it has metrics."""
        with self._database.writing() as connection:
            datasets.add(connection, dataset)
            numbered = versions.add(connection, version)
            if numbered.metrics:
                evaluations.add_of(connection, numbered)
        return numbered

    def _manifest(self, parts: Parts) -> Manifest:
        engine: Engine = "remote" if parts.remote is not None else "native" if parts.graph is None else "onnx"
        held = {
            "pipeline": ("skops", parts.pipeline), "rows": ("rows", parts.rows), "graph": ("onnx", parts.graph),
            "remote": ("remote", parts.remote),
        }  # fmt: skip
        files = {name: self._file(data, kind) for name, (kind, data) in held.items() if data is not None}
        questions = parts.questions[:GOLDEN_ROWS]
        manifest = Manifest(
            contract=parts.contract, engine=engine, files=files, golden=Golden(questions=(), answers=()),
            engine_note=parts.engine_note, trusted=parts.trusted, gate=parts.gate,
        )  # fmt: skip
        # a remote model may change by itself: it is asked whether it answers, and not held to what it answered
        answers = () if engine == "remote" else tuple(self._answer(manifest, questions))
        golden = Golden(questions=tuple(questions), answers=answers)
        return msgspec.structs.replace(manifest, golden=golden)

    def _file(self, data: bytes, kind: str) -> FileEntry:
        return FileEntry(sha256=self._artifacts.put(data), size=len(data), format=kind)
