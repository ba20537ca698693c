"""A question in the express lane, which to uvicorn's protocol looks like one of its request cycles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from assay.clock import now_us, ticks_us
from assay.errors import AssayError
from assay.serving.loaded import LoadedVersion
from assay.serving.served import Answered
from assay.store.record.recorder import Entry
from assay.web.predictions import render
from assay.web.requests import LOCAL_NAMES, Scope

_encode = msgspec.json.Encoder().encode


class ExpressAsk:
    """A question in the express lane. To uvicorn's protocol it looks like one of its request cycles."""

    experiment: str | None = None
    __slots__ = (
        "_answered", "at", "began", "body", "disconnected", "error", "exchange", "keep_alive", "message_event", "more_body",
        "questions", "response", "response_complete", "rows", "single", "version",
    )  # fmt: skip

    def __init__(
        self,
        version: LoadedVersion,
        questions: list[Any],
        body: bytes,
        *,
        single: bool,
        answered: Callable[[ExpressAsk], None],
    ) -> None:
        self.version = version
        self.questions = questions
        self.rows = len(questions)
        self.body = body
        self.single = single
        self.at = now_us()
        self.began = ticks_us()
        self.error: AssayError | None = None
        self.exchange = ""
        self.response = b""
        self._answered = answered
        # what the protocol looks at
        self.response_complete = False
        self.disconnected = False
        self.keep_alive = True
        self.more_body = False
        self.message_event = _NOBODY_WAITS

    def settle(self, answered: Answered) -> Entry:
        """Builds the response, and the entry that must be durable before it is sent."""
        self.exchange = exchange = answered.exchange
        self.response = response = render(answered, single=self.single)
        body = self.body
        row = (
            exchange, self.at, "POST", self.path, "", 200, ticks_us() - self.began, bytearray(body), bytearray(response),
            len(body), len(response),
        )  # fmt: skip
        asked = [body.decode()] if self.single else [_encode(question).decode() for question in self.questions]
        return Entry(row, answered.rows(asked, exchange))

    def deliver(self) -> None:
        """Gives the answer back to the connection."""
        self._answered(self)

    def scope(self) -> Scope:
        """The same question as ASGI has it, to be asked again through the door."""
        headers = [(b"host", LOCAL_NAMES[0].encode()), (b"content-type", b"application/json")]
        return {"type": "http", "method": "POST", "path": self.path, "query_string": b"", "headers": headers}

    @property
    def path(self) -> str:
        """The address that was asked."""
        return f"/v1/models/{self.version.model}/predict"


class _Event:
    def set(self) -> None:
        """Nobody waits for this one."""


_NOBODY_WAITS = _Event()
