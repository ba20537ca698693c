"""A job as the network is told of it."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from assay.clock import iso
from assay.domain.job import Job
from assay.errors import ApplicationInvalid, ArtifactRejected, ModelFailed
from assay.store.work.leases import BESIDE

ADDRESS = "/v1/jobs"
FOLDERS = re.compile(r"(?:sqlite:/*)?(?<![\w.])(?:/[^\s/:'\"]+)*/(?=[^\s/:'\"])")
# What these say may be an author's own text, which is for `assay jobs` and not for the network.
PRIVATE = {kind.code: (kind.__doc__ or "").strip() for kind in (ApplicationInvalid, ArtifactRejected, ModelFailed)} | {
    "internal": "The job failed; `assay jobs` tells the operator why."
}
Headers = list[tuple[bytes, bytes]]
_encode = msgspec.json.Encoder().encode


def job_json(job: Job) -> dict[str, Any]:
    """A job for people and programs; what its process said beside its reports is for operators only."""
    shown = [without_folders(line) for line in job.log.splitlines() if not line.startswith(BESIDE)] if job.log else []
    error = {"code": job.code, "detail": sentence(job.code, job.error)} if job.code or job.error else None
    return {
        "id": job.id, "verb": job.verb, "model": job.model, "state": job.state, "attempts": job.attempts,
        "max_attempts": job.max_attempts, "cancel_requested": job.cancel_requested,
        "progress": {"stage": job.stage, "done": job.done, "total": job.total}, "created_at": iso(job.at),
        "started_at": _moment(job.started_at), "finished_at": _moment(job.finished_at), "arguments": job.arguments,
        "result": job.result, "error": error, "log": "\n".join(shown), "links": {"self": address_of(job.id)},
    }  # fmt: skip


def accepted_json(job: Job) -> bytes:
    """The body of the answer that a job was accepted."""
    return _encode(job_json(job) | {"task_id": job.id, "status": job.state})


def accepted_headers(id: str) -> Headers:
    """Where the job is to be asked for, and after how many seconds."""
    return [
        (b"content-type", b"application/json"), (b"cache-control", b"no-store"), (b"location", address_of(id).encode()),
        (b"retry-after", b"1"),
    ]  # fmt: skip


def accepted_id(body: bytes) -> str:
    """Which job the body of such an answer is about."""
    return msgspec.json.decode(body, type=_Named).id


def address_of(id: str) -> str:
    """Where a job is."""
    return f"{ADDRESS}/{id}"


def sentence(code: str, error: str) -> str:
    """An error as the network may be told it: no author's own text, and no place on the server."""
    return PRIVATE.get(code) or without_folders(error)


def without_folders(said: str) -> str:
    """A sentence in which each path is only its last part: where things lie on the server is nobody's business."""
    return FOLDERS.sub("", said)


class _Named(msgspec.Struct):
    id: str


def _moment(at: int | None) -> str | None:
    return None if at is None else iso(at)
