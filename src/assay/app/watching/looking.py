"""The job `watch`, and the duty that makes one of each decision about who answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import structlog

from assay.clock import new_id, now_us
from assay.domain.job import Job
from assay.domain.releases.verdict import Verdict
from assay.errors import AssayError, IdempotencyMismatch, NothingReleased, Overloaded
from assay.store.work import jobs

if TYPE_CHECKING:
    from assay.app import Assay
    from assay.app.working import Report

MOST_WAITING = 100  # looks at one model
AHEAD = 1  # of scheduled looks: whoever answers since a minute is less known
YOUNG_US = 86_400_000_000  # older decisions than a day were watched in their time, or by a schedule
log = structlog.get_logger("assay")


def watch_for(assay: Assay, job: Job, report: Report) -> dict[str, Any]:
    """What the job `watch` does: its model, or every model with labels; each version that answers is looked at.

    Argument: the `version`, where it is one. Returns what was found, by model and version. Raises what `watch` raises.
    """
    from assay.app.watching.control import watch

    found: dict[str, Any] = {}
    models = assay.application.models()
    for name in [job.model] if job.model else [name for name, model in models.items() if model.labels]:
        model = assay.application.model(name)
        told = found[name] = {}
        for number in _versions(assay, name, job):
            verdict = watch(assay, model, number, by=job.by, progress=report.at)
            for line in said(verdict):
                report.say(line)
            if verdict.outcome == "failed":  # whoever rules goes on, but nobody is to overlook it
                log.error("control_failed", model=name, version=verdict.version, found=_wrong(verdict))
            told[str(verdict.version)] = {"verdict": verdict.id, "outcome": verdict.outcome, "found": _wrong(verdict)}
    return found


def said(verdict: Verdict) -> Iterator[str]:
    """A verdict in lines for the job's log."""
    yield f"version {verdict.version} of {verdict.model}: {verdict.outcome}"
    for check in verdict.checks:
        if not check.passed or check.warned:
            yield f"{check.name}: {check.detail}"


def order(assay: Assay, job: Job) -> Job:
    """Queues a look; the job that waits already to do the same, or that has its key, if there is one.

    Raises IdempotencyMismatch where the key is another order's, Overloaded where too many looks at the model wait.
    """
    with assay.database.writing() as connection:
        waiting = [one for one in jobs.waiting(connection, job.verb, job.model) if one.state == "queued"]
        same = next((one for one in waiting if job.key is None and one.arguments == job.arguments), None)
        queued = same or jobs.add(connection, job)
        if queued is job and len(waiting) >= MOST_WAITING:
            raise Overloaded(f"{MOST_WAITING} looks at the model wait already; cancel some, or order it later.")
    if (queued.verb, queued.model, queued.arguments) != (job.verb, job.model, job.arguments):
        raise IdempotencyMismatch
    return queued


class ControlWatch:
    """The duty: looks for decisions that nobody has watched yet. A decision has one job, whoever makes it."""

    def __init__(self, assay: Assay) -> None:
        self._assay = assay
        self._seen = -1

    def look(self) -> list[Job]:
        """Makes the jobs that are missing; costs one look-up where nothing was decided since the last look."""
        newest = self._assay.rollouts.newest()
        if newest == self._seen:
            return []
        made = [job for name in self._assay.versions.models() if (job := self._job(name))]
        self._seen = newest
        return made

    def _job(self, model: str) -> Job | None:
        rollout = self._assay.rollouts.ruling(model)
        if rollout is None or now_us() - rollout.at > YOUNG_US or not self._has_labels(model, rollout.version):
            return None
        wanted = Job(
            id=new_id(), at=now_us(), verb="watch", model=model, key=f"watch:{rollout.id}", by="promotion",
            priority=AHEAD, max_attempts=self._assay.settings.max_attempts,
        )  # fmt: skip
        job = self._assay.jobs.add(wanted)
        return job if job.id == wanted.id else None

    def _has_labels(self, model: str, number: int) -> bool:
        """By the version's own contract: whoever looks for work does not run the author's code."""
        try:
            version = self._assay.versions.find(model, number)
            return bool(self._assay.loader.manifest(version).contract.target.labels)
        except AssayError:
            return False


def _versions(assay: Assay, model: str, job: Job) -> list[int]:
    number = job.arguments.get("version")
    if number is not None:
        return [int(number)]
    rollout = assay.rollouts.ruling(model)
    if rollout is None:
        if job.model:
            raise NothingReleased(model)
        return []
    return list(rollout.answering)


def _wrong(verdict: Verdict) -> dict[str, str]:
    return {check.name: check.detail for check in verdict.checks if not check.passed or check.warned}
