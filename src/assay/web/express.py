"""The express lane: an ordinary question goes from the HTTP parser to its model's lane without a framework in between.

Only what is beyond doubt is taken: a POST to a predict address whose headers are all ordinary and whose body is a good
question. Everything else, and whatever fails on the way, takes the usual way through the door, which decides afresh.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from assay.clock import now_us, ticks_us
from assay.errors import AssayError
from assay.serving.loaded import LoadedVersion
from assay.serving.served import Answered, Served
from assay.serving.shelf import Shelf
from assay.settings import Settings
from assay.store.recorder import Entry
from assay.web.predictions import render
from assay.web.requests import LOCAL_NAMES, Scope

_NEVER: frozenset[bytes] = frozenset()
# Values of these headers that change nothing; any other value of them is for the door to judge.
ORDINARY: dict[bytes, frozenset[bytes]] = {
    b"content-type": frozenset((b"application/json",)),
    b"accept": frozenset((b"*/*", b"application/json")),
    b"connection": frozenset((b"keep-alive", b"Keep-Alive")),
    b"content-encoding": _NEVER, b"transfer-encoding": _NEVER, b"expect": _NEVER, b"upgrade": _NEVER,
    b"idempotency-key": _NEVER, b"prefer": _NEVER, b"authorization": _NEVER,
}  # fmt: skip
_encode = msgspec.json.Encoder().encode


class Express:
    """Which requests of one process may take the express lane."""

    def __init__(self, shelf: Shelf, settings: Settings, port: int) -> None:
        self._shelf = shelf
        self._limit = settings.max_body_bytes
        names = [name.encode() for name in (*LOCAL_NAMES, *settings.allowed_hosts)]
        ports = [b"%s:%d" % (name, port) for name in names]
        self._checks = ORDINARY | {b"host": frozenset((*names, *ports))}
        self._served: dict[bytes, Served] = {}

    def served(self, url: bytes, headers: list[tuple[bytes, bytes]]) -> Served | None:
        """The model that is asked, if the request's head is ordinary."""
        found = self._served.get(url) or self._find(url)
        if found is None:
            return None
        checks = self._checks
        typed = False
        for name, value in headers:
            if name in checks:
                if value not in checks[name]:
                    return None
                typed = typed or name == b"content-type"
        return found if typed else None

    def take(self, served: Served, body: bytes, answered: Callable[[ExpressAsk], None]) -> ExpressAsk | None:
        """Puts a good question into its model's lane; None where the door has to look at it."""
        version = served.ruling
        if version is None or len(body) > self._limit:
            return None
        try:
            questions, single = version.reader.read(body)
            ask = ExpressAsk(version, questions, body, single=single, answered=answered)
            served.lane.submit(ask)
        except AssayError:
            return None
        return ask

    def _find(self, url: bytes) -> Served | None:
        for model, served in self._shelf.served.items():
            self._served[f"/v1/models/{model}/predict".encode()] = served
        return self._served.get(url)


class ExpressAsk:
    """A question in the express lane. To uvicorn's protocol it looks like one of its request cycles."""

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
            exchange, self.at, "POST", self.path, "", 200, ticks_us() - self.began, body, response, len(body), len(response),
            None, None, None,
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
