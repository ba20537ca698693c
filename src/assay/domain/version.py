"""A version: one recipe fitted on one dataset, numbered within its model; it never changes."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from assay.domain.metric import rank_key
from assay.domain.question.contract import Contract
from assay.domain.releases.gate import Gate

Status = Literal["ready", "failed", "broken"]
Engine = Literal["onnx", "native", "remote"]


class FileEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a version: where it is kept (its sha256 in hexadecimal), how long it is and how it is to be read."""

    sha256: str
    size: int
    format: str


class Golden(msgspec.Struct, frozen=True, kw_only=True):
    """Real questions with the answers that this version gave when it was registered; a load that differs is refused."""

    questions: tuple[dict[str, Any], ...]
    answers: tuple[float, ...]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """All that a version is: its contract, its engine, its files and its golden answers. The file's own sha256 names it.

    Files: `pipeline` (the fitted estimator), `graph` (the compiled one, where `engine` is onnx), `rows` (training rows);
    where `engine` is remote, `remote` (whom to ask, and how) instead of a pipeline.
    `gate` holds what the author asked of the version, and by which the guard watches it.
    """

    contract: Contract
    engine: Engine
    files: dict[str, FileEntry]
    golden: Golden
    engine_note: str = ""
    trusted: tuple[str, ...] = ()
    gate: Gate | None = None


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One registered training run. `manifest` is None where it failed, and `error` then says why.

    `label` is the name that whoever asked for the training gave to its outcome.
    """

    model: str
    number: int
    recipe: str
    status: Status
    created_at: int
    dataset: str
    manifest: str | None = None
    engine: str = ""
    parameters: dict[str, Any] = {}
    metrics: dict[str, float] = {}
    segments: dict[str, dict[str, float]] = {}
    seed: int = 0
    code_digest: str = ""
    libraries: dict[str, str] = {}
    train_rows: int = 0
    test_rows: int = 0
    took_ms: int = 0
    error: str = ""
    label: str | None = None


def ranked(versions: list[Version], metric: str) -> list[Version]:
    """The best first by the metric, in its direction; those without it last."""
    return sorted(
        versions,
        key=lambda one: (
            one.status != "ready",
            rank_key(metric, one.metrics[metric]) if metric in one.metrics else 0.0,
        ),
    )
