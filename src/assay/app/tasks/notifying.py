"""Tells of tasks that have ended: each notice is a job, tried again with growing pauses until somebody has taken it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING, Any

import msgspec

from assay.app.tasks.webhooks import GONE, Webhooks
from assay.clock import iso, now_us
from assay.domain.job import Job
from assay.errors import JobNotFound, WebhookFailed, WebhookRejected
from assay.store.work.claiming import Batch, Claimed, Ended
from assay.store.work.leases import WORKER_LOST

if TYPE_CHECKING:
    from assay.app import Assay

AT_ONCE = 8
PAUSES_S = (5, 30, 120, 600, 1_800, 7_200, 21_600)  # after the first try, the second, …
LONGEST_RESULT = 65_536  # bytes of answers that a notice carries


class Told(msgspec.Struct, frozen=True):
    """The arguments of a notice."""

    task: str
    url: str


class Notifying:
    """`do` is what is done with a batch of notices."""

    def __init__(self, assay: Assay) -> None:
        self._assay = assay
        self._webhooks = Webhooks(assay.settings.webhook_secret, assay.settings.webhook_hosts)

    def do(self, batch: Batch) -> Iterator[list[Ended]]:
        """What became of the notices, each as soon as it is known."""
        with ThreadPoolExecutor(AT_ONCE) as threads:
            for one in as_completed([threads.submit(self._one, job) for job in batch.jobs]):
                yield [one.result()]

    def _one(self, job: Claimed) -> Ended:
        told = msgspec.json.decode(job.arguments, type=Told)
        if job.attempts > job.max_attempts:
            return Ended(id=job.id, told="failed", code=WORKER_LOST, error="its worker was lost too often")
        try:
            task = self._assay.jobs.find(told.task)
        except JobNotFound as gone:  # it has become too old meanwhile
            return Ended(id=job.id, told="failed", code=gone.code, error=str(gone))
        try:
            status = self._webhooks.deliver(told.url, job.id, body_of(task))
        except WebhookRejected as never:
            return Ended(id=job.id, told="failed", code=never.code, error=str(never))
        except WebhookFailed as failed:
            return _again(job, str(failed))
        if 200 <= status < 300:
            return Ended(id=job.id, told="succeeded", result=msgspec.json.encode({"status": status}).decode())
        said = f"The webhook was answered with {status}."
        return (
            Ended(id=job.id, told="failed", code=WebhookFailed.code, error=said)
            if status == GONE
            else _again(job, said)
        )


def body_of(task: Job) -> bytes:
    """What is told of a task: how it ended, and the answers where they are short. Why it failed is told by its address."""
    result = msgspec.json.encode(task.result)
    data: dict[str, Any] = {
        "id": task.id, "model": task.model, "state": task.state, "created_at": iso(task.at),
        "finished_at": None if task.finished_at is None else iso(task.finished_at),
        "result": msgspec.Raw(result if len(result) <= LONGEST_RESULT else b"null"),
        "error": {"code": task.code} if task.code else None, "links": {"self": f"/v1/jobs/{task.id}"},
    }  # fmt: skip
    return msgspec.json.encode({"type": f"task.{task.state}", "timestamp": iso(now_us()), "data": data})


def _again(job: Claimed, said: str) -> Ended:
    if job.attempts >= job.max_attempts:
        return Ended(id=job.id, told="failed", code=WebhookFailed.code, error=said)
    pause_s = PAUSES_S[min(job.attempts, len(PAUSES_S)) - 1]
    return Ended(id=job.id, told="again", code=WebhookFailed.code, error=said, pause_s=pause_s)
