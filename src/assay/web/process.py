"""One web process: the served models, the lane that records what no model answers, and the following of the rollouts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from hashlib import sha256
from typing import Any

import structlog

from assay.app import Assay
from assay.errors import VersionRejected
from assay.serving.ready import Ready
from assay.serving.served import Served
from assay.serving.shelf import Shelf
from assay.store.files.quarantine import Quarantine
from assay.store.record.recorder import Entry
from assay.web.asks.scribe import Scribe
from assay.web.requests import Request
from assay.web.tasks.desk import Desk

REFUSED = 400
TOLD_INTERVAL_S = 1.0
log = structlog.get_logger("assay")
REMEMBERED_BYTES = 65_536
Row = tuple[Any, ...]
asked_in: ContextVar[Conversation | None] = ContextVar("asked_in", default=None)


class Conversation:
    """The exchange in which an application's own route asks a model; what was answered is recorded with it."""

    __slots__ = ("_request", "id", "predictions", "tasks")

    def __init__(self, request: Request) -> None:
        self._request = request
        self.id = request.id
        self.predictions = request.predictions
        self.tasks = request.tasks

    def subject(self) -> str | None:
        """Who asks, where the client says it; raises BadSubject."""
        return self._request.subject()

    def webhook(self) -> str | None:
        """Who is to be told of what is done later, where the client says it."""
        return self._request.webhook()


class Process:
    """Started within the event loop, ended before it ends."""

    def __init__(self, assay: Assay, *, beside: bool = False) -> None:
        self.assay = assay
        self._beside = beside
        self.settings = assay.settings
        self.draining = False
        self.failure = ""  # why it could not be started
        self.answering: set[str] = set()
        ready = Ready(assay.versions.find, assay.loader.load, assay.preparations, assay.processes)
        self.shelf = Shelf(assay.versions, assay.rollouts, assay.loader, ready)
        self._scribe: Scribe | None = None
        self._following: asyncio.Task[None] | None = None
        self._deaf: Callable[[], None] | None = None  # ends the listening to what others decide

    async def start(self) -> None:
        """Loads who rules, and follows the rollouts from now on."""
        self._scribe = Scribe(self.assay.recorder)
        self.desk = Desk(
            self.assay.database, self.assay.tasks, self.settings.max_queued_tasks, lambda: self.draining
        )  # fmt: skip
        await asyncio.to_thread(self.assay.artifacts.sweep)
        await asyncio.to_thread(Quarantine(self.assay.home, self.settings.max_upload_bytes).sweep)
        trained = await asyncio.to_thread(self.assay.versions.models)
        if not trained:
            first = "run `assay train`" if self.settings.data is None else "let rows appear at the watched place"
            log.warning("nothing_is_trained", todo=f"{first}; versions answer here without a restart")
        await asyncio.to_thread(self._check_schedules)
        # before the first training only the author's module knows what will be asked
        self._join(trained or await asyncio.to_thread(lambda: list(self.assay.application.models())))
        await asyncio.to_thread(self.shelf.refresh)
        if self._beside and self.shelf.trouble:  # others answer: better not to share the socket with them
            raise VersionRejected("; ".join(f"{model}: {said}" for model, said in self.shelf.trouble.items()))
        self._following = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Answers and records what is under way, then gives everything back."""
        self.draining = True
        if self._following is not None:
            self._following.cancel()
        if self._deaf is not None:
            self._deaf()
        for served in self.shelf.served.values():
            await served.lane.close()
        await self.desk.close()
        if self._scribe is not None:
            await self._scribe.close()
        await asyncio.to_thread(self.shelf.leave)
        self.assay.close()

    async def keep(
        self, request: Request, status: int, response: bytes, *, key: str | None = None, replay_of: str | None = None,
        whole: bool = True,
    ) -> None:  # fmt: skip
        """Records an exchange with its predictions; returns once it is durable.

        Raises StoreUnavailable or Unstorable, or AlreadyAnswered where another exchange has this key.
        """
        tasks = request.tasks if status < REFUSED else ()  # of a refusal nothing is done
        row = exchange_row(request, status, response, key=key, replay_of=replay_of, whole=whole)
        try:
            await self.keep_entry(Entry(row, request.predictions, tasks))
        finally:
            self.desk.backlog.settled(len(request.tasks))

    async def keep_entry(self, entry: Entry) -> None:
        """Records an entry; returns once it is durable. Raises StoreUnavailable or Unstorable."""
        if self._scribe is None:
            raise RuntimeError("the process was not started")
        await self._scribe.keep(entry)

    async def admit(self) -> None:
        """One task more, as `Backlog.admit` has it; raises Overloaded, StorageFull or StoreUnavailable."""
        await self.desk.admit(self.shelf.check_room)

    async def served(self, model: str) -> Served:
        """The served model; one that was trained since the start is served from now on. Raises ModelNotFound."""
        if model not in self.shelf.served and model in await asyncio.to_thread(self.assay.versions.models):
            self._serve(model)
            await asyncio.to_thread(self.shelf.refresh)
        return self.shelf.find(model)

    async def _follow(self) -> None:
        loop, woken = asyncio.get_running_loop(), asyncio.Event()

        def heard() -> None:
            with suppress(RuntimeError):  # the loop is closed already
                loop.call_soon_threadsafe(woken.set)

        self._deaf = self.assay.database.listen(heard)
        interval_s = self.settings.poll_interval_s
        # who is told looks only in case that he was not
        await self.shelf.follow(
            interval_s if self._deaf is None else max(interval_s, TOLD_INTERVAL_S), self._join, woken
        )

    def _check_schedules(self) -> None:
        """Raises ModelNotFound where a schedule is for a model that the application does not declare."""
        for schedule in self.settings.schedules.values():
            if schedule.model is not None:
                self.assay.application.model(schedule.model)

    def _join(self, models: list[str]) -> None:
        for model in models:
            self._serve(model)

    def _serve(self, model: str) -> None:
        if model in self.shelf.served:
            return
        settings = self.settings
        served = Served(
            model, self.assay.recorder, max_waiting_rows=settings.max_waiting_rows,
            record_first="answer-before-commit" not in settings.unsafe, sticky="no-sticky" not in settings.unsafe,
        )  # fmt: skip
        served.lane.patience_us = int(settings.longest_wait_s * 1e6)
        self.shelf.add(served)


def exchange_row(
    request: Request,
    status: int,
    response: bytes,
    *,
    key: str | None = None,
    replay_of: str | None = None,
    whole: bool = True,
) -> Row:
    """The row of the record, in the order of `exchanges.COLUMNS` or, of an ordinary exchange, `PLAIN_COLUMNS`.

    Not `whole` keeps a long response as its size and digest.
    """
    plain = _plain(request, status)
    sizes = (request.size, len(response))
    if not whole and len(response) > REMEMBERED_BYTES:
        return (*plain, None, *sizes, sha256(response).hexdigest(), key, replay_of)
    if key is None and replay_of is None:
        return (*plain, bytearray(response), *sizes)
    return (*plain, bytearray(response), *sizes, None, key, replay_of)


def streamed_row(request: Request, size: int, digest: str) -> Row:
    """The row of an exchange whose response is a kept file, of which the record has the size and the digest."""
    return (*_plain(request, 200), None, request.size, size, digest, None, None)


def _plain(request: Request, status: int) -> Row:
    return (
        request.id, request.at, request.method, request.path, request.query, status, request.took_us(),
        bytearray(request.body),
    )  # fmt: skip
