"""What became of items and sweeps, as people and programs are told of it over HTTP."""

from __future__ import annotations

from typing import Any

import msgspec

from assay.app.items.progress import State
from assay.clock import iso
from assay.domain.items.score import Failure, Sweep
from assay.store.items.scores import Made
from assay.web.tasks.told import job_json, sentence


def state_json(found: State) -> dict[str, Any]:
    """A version's state for people and programs."""
    sweep, job = found.sweep, found.job
    return {
        "collection": found.collection, "model": found.model, "version": found.version, "run": found.run,
        "decision": found.decision, "stands": found.stands, "state": _word(found), "wanted": found.wanted,
        "scored": found.scored, "left": found.left, "failing": found.failing,
        "reasons": [msgspec.structs.asdict(one) | {"error": sentence(one.code, one.error)} for one in found.reasons],
        "resting": _resting(sweep), "began_at": _moment(sweep.at if sweep else None),
        "finished_at": _moment(sweep.finished_at if sweep and not found.left else None),
        "model_s": sweep.took_us / 1e6 if sweep else 0.0, "spent_s": sweep.spent_us / 1e6 if sweep else 0.0,
        "rate": found.rate, "expected_at": _moment(found.expected_at), "job": job_json(job) if job else None,
    }  # fmt: skip


def _word(found: State) -> str:
    """What is going on, in a word."""
    if found.left and found.job is not None and found.job.state == "running":
        return "scoring"
    if found.left and found.sweep is not None and found.sweep.attempts:
        return "resting"
    return "waiting" if found.left else "failing" if found.failing else "finished"


def _resting(sweep: Sweep | None) -> dict[str, Any] | None:
    """Why the version itself could not be asked, and until when it is left alone."""
    if sweep is None or not sweep.attempts:
        return None
    return {
        "code": sweep.code, "error": sentence(sweep.code, sweep.error), "attempts": sweep.attempts,
        "retry_at": iso(sweep.retry_at),
    }  # fmt: skip


def _moment(at: int | None) -> str | None:
    return None if at is None else iso(at)


def failure_json(found: Failure) -> dict[str, Any]:
    """Why there is no set of a version, and when it is tried again."""
    return {
        "model": found.model, "version": found.version, "code": found.code, "error": sentence(found.code, found.error),
        "attempts": found.attempts, "failed_at": iso(found.at), "retry_at": iso(found.retry_at),
    }  # fmt: skip


def made_json(found: Made, *, stands: bool) -> dict[str, Any]:
    """A set in brief; `stands` where readers are given it now."""
    return {
        "id": found.id, "item": found.item, "model": found.model, "version": found.version, "run": found.run,
        "scored_at": iso(found.at), "took_ms": found.took_us / 1000, "seconds": found.seconds, "stands": stands,
    }  # fmt: skip
