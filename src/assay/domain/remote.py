"""A remote model: which HTTP endpoint is asked, with which words, and how its answer is to be read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import quote, urlsplit

import msgspec

SCHEMES = {"http": 80, "https": 443}
OF_RECORDING = ("audio", "digest", "name")
OF_ROWS = ("columns", "rows", "empty")
LONGEST_URL = 8_192
MOST_CONCURRENT = 64
MOST_RETRIES = 10
MOST_HEADERS = 16
LONGEST_ANSWER = 16 << 20  # unless the specification says otherwise
_WORD = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_URL = re.compile(r"(?:[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2}|\{[a-z]+\})+")
_HOST = re.compile(r"(?!-)[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
_OWN_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "content-type", "expect"}
)

Seconds = Annotated[float, msgspec.Meta(gt=0, le=3_600)]
Key = Annotated[str, msgspec.Meta(max_length=128, pattern=r'^[^"\\\x00-\x1f]*$')]
Status = Annotated[int, msgspec.Meta(ge=400, le=499)]


class Response(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """How an answer is read: `at` are the keys to what counts, joined by dots; empty, it is the answer itself.

    Of a recording that is a list of objects, and `label`, `time` and `confidence` are the keys of their values; with an
    empty `label` they are about the label that was asked. Of rows it is a list with a number, or the confidence in each
    label, for each. With `labels_at` each row's labels stand there in an order of its own, by names of the endpoint's that
    `called` tells by label. `logits` are made confidences.
    """

    at: Key = ""
    label: Key = "label"
    time: Key = "time"
    confidence: Key = "confidence"
    labels_at: Key = ""
    called: dict[str, str] = {}
    logits: bool = False

    def __post_init__(self) -> None:
        if not self.time or not self.confidence or len({self.label, self.time, self.confidence}) < 3:
            raise ValueError("label, time and confidence of a response are told by different keys")
        wrong = next((at for at in (self.at, self.labels_at) if at and not all(at.split("."))), None)
        if wrong is not None:
            raise ValueError(f"at {wrong!r} has an empty key")
        if len(set(self.called.values())) < len(self.called):
            raise ValueError("two labels are called the same")


class Place(NamedTuple):
    """Where an endpoint listens."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + (f":{self.port}" if self.port != SCHEMES[self.scheme] else "")


class Remote(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """All that is to be known to ask an endpoint; kept with the version that it answers for, so it holds no secret.

    One request is made for each label of a recording, for all labels of it, or for rows that are no recordings (`asks`).
    In `url` and in the texts of `body` stand {label}, {audio} (the path of the kept file), {digest} (the sha256 of its
    bytes) and {name}; in the body of rows {columns}, {rows}, a field's name, or {empty} for as many empty texts,
    each alone in its text, stand for lists.
    Statuses of `unknown` say that there is no such thing. `headers_from` names for each header the secret that it is told.
    A question is answered within `timeout_s`, all its requests together; one that cannot be is made again, `retries` times
    at most, after `backoff_s` and twice as long each time. After so many `failures` one after the other nobody is asked for
    `rest_s` seconds. Raises ValueError.
    """

    url: Annotated[str, msgspec.Meta(max_length=LONGEST_URL)]
    method: Literal["GET", "POST"] = "GET"
    asks: Literal["label", "recording", "rows"] = "label"
    body: Any = None
    response: Response = Response()
    unknown: Annotated[tuple[Status, ...], msgspec.Meta(max_length=16)] = (404,)
    headers_from: Annotated[dict[str, str], msgspec.Meta(max_length=MOST_HEADERS)] = {}
    timeout_s: Seconds = 30.0
    retries: Annotated[int, msgspec.Meta(ge=0, le=MOST_RETRIES)] = 2
    backoff_s: Seconds = 0.1
    concurrency: Annotated[int, msgspec.Meta(ge=1, le=MOST_CONCURRENT)] = 4
    failures: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 5
    rest_s: Seconds = 30.0
    longest_answer: Annotated[int, msgspec.Meta(ge=1_024, le=1 << 30)] = LONGEST_ANSWER

    def __post_init__(self) -> None:
        fault = _fault_of_url(self.url) or _fault_of_words(self) or _fault_of_headers(self.headers_from)
        if fault:
            raise ValueError(fault)

    @property
    def place(self) -> Place:
        """Where the endpoint listens."""
        parts = urlsplit(self.url)
        return Place(parts.scheme, parts.hostname or "", parts.port or SCHEMES[parts.scheme])

    def target(self, values: Mapping[str, str]) -> str:
        """Path and query of a request, the values percent-encoded, none more than one segment; raises ValueError."""
        parts = urlsplit(self.url)
        path = _WORD.sub(lambda found: quote(values[found[1]], safe=""), parts.path or "/")
        if any(segment.lower().replace("%2e", ".") in (".", "..") for segment in path.split("/")):
            raise ValueError("'.' and '..' cannot be part of a path")
        query = _WORD.sub(lambda found: quote(values[found[1]], safe=""), parts.query)
        return f"{path}?{query}" if query else path

    def content(self, values: Mapping[str, Any]) -> bytes | None:
        """The body of a request, JSON; None where there is none."""
        return None if self.body is None else msgspec.json.encode(_filled(self.body, values))

    def words(self) -> frozenset[str]:
        """The names in braces of the URL and the body."""
        return frozenset(_WORD.findall(self.url)) | frozenset(_words(self.body))


def _filled(part: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(part, dict):
        return {key: _filled(value, values) for key, value in part.items()}
    if isinstance(part, list | tuple):
        return [_filled(value, values) for value in part]
    if not isinstance(part, str):
        return part
    alone = _WORD.fullmatch(part)
    return values[alone[1]] if alone else _WORD.sub(lambda found: str(values[found[1]]), part)


def _words(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield from _WORD.findall(part)
    elif isinstance(part, dict | list | tuple):
        for value in part.values() if isinstance(part, dict) else part:
            yield from _words(value)


def _fault_of_url(url: str) -> str:
    if not _URL.fullmatch(url):
        return f"url {url[:200]!r} holds what must be percent-encoded, or braces around something else than a name"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as wrong:
        return f"url {url[:200]!r} cannot be read: {wrong}"
    if parts.scheme not in SCHEMES:
        return f"url must begin with http:// or https://, and is {url[:200]!r}"
    if "@" in parts.netloc:
        return "url must not hold a name or a password; a secret goes into a header, by headers_from"
    host = parts.hostname or ""
    if "{" in parts.netloc or port == 0 or not (_HOST.fullmatch(host) or ":" in host):
        return f"url must name one host, and is {url[:200]!r}"
    return ""


def _fault_of_words(told: Remote) -> str:
    words = told.words()
    if told.body is not None and told.method != "POST":
        return "a body needs method='POST'"
    if told.asks == "rows":
        if told.body is None:
            return "rows are asked with method='POST' and a body"
        strange = set(_WORD.findall(told.url))
    else:
        strange = set(words) - {*OF_RECORDING, "label"}
        if not words & set(OF_RECORDING):
            return "neither url nor body says which recording is meant: {audio}, {digest} or {name}"
        if (told.asks == "label") != ("label" in words):
            return "{label} stands in url or body where asks='label', and only there"
    if told.asks == "recording" and not told.response.label:
        return "an answer with all labels tells them by a key, response['label']"
    return f"{{{min(strange)}}} stands for nothing here" if strange else ""


def _fault_of_headers(headers: Mapping[str, str]) -> str:
    wrong = next((name for name in headers if not _HEADER.fullmatch(name) or name.lower() in _OWN_HEADERS), None)
    return f"{wrong[:128]!r} is no header that can be told" if wrong is not None else ""
