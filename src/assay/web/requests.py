"""What is checked of every request before anybody looks at what it asks, and how a whole answer is sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import structlog

from assay.clock import new_id, now_us, ticks_us
from assay.domain.releases.subject import subject_of
from assay.errors import (
    BadIdempotencyKey,
    BodyCutOff,
    BodyTooLarge,
    NotAcceptable,
    UnknownHost,
    UnsupportedEncoding,
    UnsupportedMediaType,
    UriTooLong,
)  # fmt: skip
from assay.store.database import Values

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

log = structlog.get_logger("assay")

MAX_URI_BYTES = 8192
REMEMBERED_OF_REFUSED = 2048
LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")
TOGETHER = "assay.together"  # the extension of ASGI by which a whole answer is sent with one call
_WANTED = frozenset(
    (b"content-type", b"content-length", b"content-encoding", b"accept", b"host", b"idempotency-key", b"if-none-match",
     b"x-assay-subject", b"prefer", b"webhook-url", b"content-range")
)  # fmt: skip
SUBJECT = b"x-assay-subject"
_ACCEPTED = frozenset((b"*/*", b"application/json", b""))


class Request:
    """One request: its id, when it came, and the headers that matter to us."""

    __slots__ = (
        "at", "began", "body", "headers", "id", "method", "path", "predictions", "query", "size", "tasks", "unread",
    )  # fmt: skip

    def __init__(self, scope: Scope) -> None:
        self.id = new_id()
        self.at = now_us()
        self.began = ticks_us()
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: str = scope["query_string"].decode("latin-1")
        self.headers: dict[bytes, bytes] = {name: value for name, value in scope["headers"] if name in _WANTED}
        self.body = b""
        self.size = 0  # of the body that came, of which `body` may hold only the beginning
        self.unread = False  # whether there is more of it to come
        self.predictions: list[Values] = []  # that were made on its behalf
        self.tasks: list[Values] = []  # that were accepted

    async def read(self, receive: Receive, limit: int) -> bytes:
        """The whole body; raises BodyTooLarge before reading more than the limit, BodyCutOff where the client went away."""
        told = self.headers.get(b"content-length")
        if told is not None and (not told.isdigit() or int(told) > limit):
            raise BodyTooLarge(f"The body is longer than the {limit} bytes that this route accepts.")
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if message["type"] == "http.disconnect" or len(body) > limit:
                self.body, self.size = body[:REMEMBERED_OF_REFUSED], len(body)
                if len(body) > limit:
                    raise BodyTooLarge(f"The body is longer than the {limit} bytes that this route accepts.")
                raise BodyCutOff
        self.body, self.size = body, len(body)
        return body

    def check_json(self) -> None:
        """Raises UnsupportedMediaType, UnsupportedEncoding or NotAcceptable."""
        told = self.headers.get(b"content-type", b"")
        if told != b"application/json":
            kind, _, parameters = told.partition(b";")
            charset = parameters.strip().lower().removeprefix(b"charset=").strip(b'"')
            if kind.strip().lower() != b"application/json" or charset not in (b"", b"utf-8", b"utf8"):
                raise UnsupportedMediaType
        if b"content-encoding" in self.headers and self.headers[b"content-encoding"].lower() != b"identity":
            raise UnsupportedEncoding
        self.check_accept()

    def check_accept(self) -> None:
        """Raises NotAcceptable where the client takes no JSON."""
        accept = self.headers.get(b"accept", b"")
        if accept not in _ACCEPTED and not _accepts_json(accept):
            raise NotAcceptable

    def says_json(self) -> bool:
        """Whether the body is called JSON, in any of the ways that a framework would read as JSON."""
        kind = self.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        return kind == b"application/json" or (kind.startswith(b"application/") and kind.endswith(b"+json"))

    def idempotency_key(self) -> str | None:
        """The client's Idempotency-Key, scoped by the route; raises BadIdempotencyKey."""
        told = self.headers.get(b"idempotency-key")
        if told is None:
            return None
        return f"{self.method} {self.path} {check_key(told)}"

    def subject(self) -> str | None:
        """Who or what falls to one arm of an experiment, where the client says it; raises BadSubject."""
        told = self.headers.get(SUBJECT)
        return None if told is None else subject_of(told)

    def webhook(self) -> str | None:
        """The address that the client wants to be told of what is done later, as it has written it."""
        told = self.headers.get(b"webhook-url")
        return None if told is None else told.decode("latin-1")

    def took_us(self) -> int:
        """How long ago the request came."""
        return ticks_us() - self.began


class Hosts:
    """The host names that requests may carry: without this, a web page could reach a local server under its own name."""

    def __init__(self, allowed: tuple[str, ...], *, any_host: bool) -> None:
        self._allowed = frozenset(name.lower().encode() for name in (*allowed, *LOCAL_NAMES))
        self._any = any_host

    def check(self, request: Request) -> None:
        """Raises UnknownHost or UriTooLong."""
        if len(request.path) + len(request.query) > MAX_URI_BYTES:
            raise UriTooLong
        told = request.headers.get(b"host", b"")
        if told not in self._allowed and not self._any:
            name = told.lower()
            name = name.partition(b"]")[0] + b"]" if name.startswith(b"[") else name.partition(b":")[0]
            if name not in self._allowed:
                raise UnknownHost


class Captured:
    """The other side of one exchange: gives the application the body, and holds back what it answers."""

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self.status = 500
        self.headers: list[tuple[bytes, bytes]] = []
        self.body: list[bytes] = []

    @property
    def response(self) -> bytes:
        """The body of the answer."""
        return b"".join(self.body)

    @property
    def is_json_of_success(self) -> bool:
        """Whether something was done, and what came of it is told as JSON."""
        kinds = [value.partition(b";")[0].strip() for name, value in self.headers if name == b"content-type"]
        return 200 <= self.status < 300 and kinds == [b"application/json"]

    async def receive(self) -> Message:
        """The whole body once."""
        body, self._body = self._body, None
        return (
            {"type": "http.disconnect"} if body is None else {"type": "http.request", "body": body, "more_body": False}
        )

    async def send(self, message: Message) -> None:
        """Holds back what is answered."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [(name, value) for name, value in message["headers"] if name != b"content-length"]
        elif message["type"] == "http.response.body":
            self.body.append(message.get("body", b""))


async def reply(
    send: Send, status: int, body: bytes, headers: Headers, length: int | None = None, scope: Scope | None = None
) -> None:
    """Sends a whole response; `length` is that of the body where it is not sent (HEAD).

    Where the server of this `scope` knows how to, head and body go together: whoever waits is woken once.
    """
    told = str(len(body) if length is None else length).encode()
    if status != 204:  # which has no body, and must not tell its length
        headers = [*headers, (b"content-length", told)]
    together = None if scope is None else scope.get("extensions", {}).get(TOGETHER)
    start = {"type": "http.response.start", "status": status, "headers": headers}
    try:
        if together is not None and together["send"](scope, status, headers, body):
            return
        await send(start)
        await send({"type": "http.response.body", "body": body})
    except (OSError, RuntimeError):
        log.info("client_gone", status=status)  # what it asked is recorded all the same


def check_key(told: bytes) -> str:
    """An Idempotency-Key as text; raises BadIdempotencyKey."""
    if not 0 < len(told) <= 255 or not all(33 <= byte <= 126 for byte in told):
        raise BadIdempotencyKey
    return told.decode("ascii")


def _accepts_json(accept: bytes) -> bool:
    kinds = {kind.partition(b";")[0].strip().lower() for kind in accept.split(b",")}
    return bool(kinds & {b"*/*", b"application/*", b"application/json", b"application/problem+json"})
