"""One task on its way into the queue, and what its client is answered."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import msgspec

from assay import errors
from assay.clock import new_id
from assay.domain.given.task import PREDICT, Order
from assay.domain.job import Job
from assay.errors import AlreadyAnswered, AssayError
from assay.store.record.recorder import Entry
from assay.store.work.tasks import key_of, row_of
from assay.web.predictions import headers_of, version_in
from assay.web.process import Process, exchange_row
from assay.web.requests import Headers, Request
from assay.web.tasks.told import accepted_headers, accepted_id, accepted_json

ACCEPTED = 202
BY = "HTTP"


class Wanted(NamedTuple):
    """What is wanted besides the order: of which model, how many questions, under which key, and waiting how long."""

    model: str
    questions: int
    key: str | None
    wait_s: int | None


class Accepting:
    """A task is durable in the commit that makes its exchange durable, before its 202; with `wait_s` before the waiting."""

    def __init__(
        self, process: Process, request: Request, order: Order, wanted: Wanted
    ) -> None:  # fmt: skip
        self.status = ACCEPTED
        self.body = b""
        self._process = process
        self._request = request
        self._order = order
        self._key = wanted.key
        self._wait_s = wanted.wait_s
        self._job = Job(
            id=new_id(), at=request.at, verb=PREDICT, model=wanted.model, by=BY, total=wanted.questions,
            key=None if wanted.key is None else key_of(wanted.key), max_attempts=process.settings.max_attempts,
            arguments={"version": order.version, "exchange": request.id, "questions": wanted.questions},
        )  # fmt: skip

    async def accept(self) -> None:
        """Returns once status and body are recorded; raises AssayError, or the one for which a task failed meanwhile."""
        await self._process.admit()
        try:
            await self._queue(row_of(self._job, self._order))
        except AlreadyAnswered:  # the key's task was accepted, and whoever did so died before the exchange was recorded
            known = await asyncio.to_thread(self._process.assay.tasks.known, self._job.key or "", self._request.body)
            if known is None:
                raise
            self._job, self.body = known, b""
        finally:
            self._process.desk.backlog.settled()
        if not self.body:
            await self._tell(await self._process.desk.ended(self._job.id, self._wait_s or 0))

    def headers(self) -> Headers:
        """The headers of the answer."""
        if self.status == ACCEPTED:
            return [*accepted_headers(self._job.id), (b"x-request-id", self._request.id.encode())]
        return headers_of(self._request, self._job.model or "", version_in(self.body))

    async def _queue(self, task: tuple[object, ...]) -> None:
        """With its exchange; where somebody waits, that is recorded once it is known what it comes to."""
        if self._wait_s is None:
            self.body = accepted_json(self._job)
            await self._record(task)
        else:
            await self._process.keep_entry(Entry(None, [], [task]))

    async def _tell(self, job: Job) -> None:
        if job.state == "failed":
            raise failure_of(job)
        if job.state == "succeeded":
            self.status, self.body = 200, msgspec.json.encode(job.result)
        else:
            self.body = accepted_json(job)
        await self._record()

    async def _record(self, *tasks: tuple[object, ...]) -> None:
        row = exchange_row(self._request, self.status, self.body, key=self._key)
        await self._process.keep_entry(Entry(row, [], tasks))


def accepted_again(request: Request, body: bytes) -> Headers:
    """The headers of an answer that is given again."""
    return [*accepted_headers(accepted_id(body)), (b"x-request-id", request.id.encode())]


def failure_of(job: Job) -> AssayError:
    """Why a task failed, as if it had been answered at once."""
    kinds = (kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AssayError))
    kind = next((kind for kind in kinds if kind.code == job.code), AssayError)
    made = kind.__new__(kind)
    AssayError.__init__(made, job.error)
    return made
