"""How an application's own routes reach tasks: accepted with the exchange in which they were asked, and looked for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from assay.app.tasks.webhooks import Webhooks
from assay.clock import new_id, now_us
from assay.domain.given.task import PREDICT, Order, Task
from assay.domain.job import Job
from assay.errors import JobNotFound
from assay.store.record.recorder import Entry
from assay.store.work.tasks import row_of
from assay.web.answering import ServedModel
from assay.web.process import asked_in
from assay.web.tasks.told import sentence

BY = "the application"


class TaskedModel(ServedModel):
    """One served model, with its tasks as `Model.submit` and `Model.task` reach them."""

    async def submit(
        self, questions: Sequence[Any], *, version: int | None = None, webhook: str | None = None, subject: str | None = None
    ) -> Task:  # fmt: skip
        """A task with these questions, durable with the exchange in which they were asked, or at once where there is none.

        Raises QuestionInvalid, NothingReleased, VersionNotFound, VersionRejected, WebhookRejected or Overloaded.
        """
        process = self._process
        served = await process.served(self._model)
        reader = (
            served.version() if version is None else await asyncio.to_thread(process.shelf.pinned, self._model, version)
        )
        asked = msgspec.json.encode(msgspec.to_builtins(list(questions)))
        reader.reader.read(asked)
        conversation = asked_in.get()
        if webhook is None and conversation is not None:
            webhook = conversation.webhook()
        if webhook is not None:
            Webhooks(process.settings.webhook_secret, process.settings.webhook_hosts).check(webhook)
        await process.admit()
        order = Order(
            version=version, exchange=conversation.id if conversation else None, webhook=webhook, questions=msgspec.Raw(asked),
            subject=subject if subject is not None or conversation is None else conversation.subject(),
        )  # fmt: skip
        job = Job(
            id=new_id(), at=now_us(), verb=PREDICT, model=self._model, by=BY, total=len(questions),
            max_attempts=process.settings.max_attempts,
        )  # fmt: skip
        row = row_of(job, order)
        if conversation is not None:
            conversation.tasks.append(row)  # recorded with the exchange, in its transaction
        else:
            try:
                await process.keep_entry(Entry(None, [], [row]))
            finally:
                process.desk.backlog.settled()
        return task_of(job)

    async def task(self, id: str, *, wait_s: float = 0) -> Task:
        """The task of this id once it has ended, or as it is after so many seconds; raises JobNotFound."""
        job = await self._process.desk.ended(id, wait_s)
        if job.verb != PREDICT or job.model != self._model:
            raise JobNotFound(id)
        return task_of(job)


def task_of(job: Job) -> Task:
    """A job that predicts, as a task."""
    result = msgspec.json.decode(job.result) if isinstance(job.result, msgspec.Raw) else job.result
    answers = result if isinstance(result, list) else [result] if result else []
    told = {
        "id": job.id, "at": job.at, "model": job.model, "state": job.state, "questions": job.total, "predictions": answers,
        "version": answers[0]["version"] if answers else job.arguments.get("version"), "code": job.code,
        "error": sentence(job.code, job.error) if job.error else "",
    }  # fmt: skip
    return msgspec.convert(told, Task)
