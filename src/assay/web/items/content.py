"""The bytes of an item on their way out: streamed from their file, and never shown by a browser as a page."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from urllib.parse import quote

import structlog

from assay.domain.items.item import Item
from assay.errors import ParameterInvalid
from assay.store.record.recorder import Entry
from assay.web.items.upload import ADDRESS, tag_of
from assay.web.process import Process, streamed_row
from assay.web.requests import Headers, Receive, Request, Send, reply

LAST = "/content"
CHUNK = 1 << 18
TYPES = {"wav": "audio/wav", "flac": "audio/flac", "ogg": "audio/ogg", "mp3": "audio/mpeg"}
ENDINGS = {"wav": (".wav", ".wave"), "flac": (".flac",), "ogg": (".ogg", ".oga", ".opus"), "mp3": (".mp3",)}
STRANGE = re.compile(r"[^A-Za-z0-9._ -]")
log = structlog.get_logger("assay")


class ContentRoute:
    """`GET /v1/items/{collection}/{name}/content`."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def takes(self, request: Request) -> bool:
        """Whether the request asks for an item's bytes."""
        if request.method not in ("GET", "HEAD") or not request.path.startswith(ADDRESS):
            return False
        _, _, name = request.path[len(ADDRESS) :].partition("/")
        return name.endswith(LAST) and name != LAST

    async def __call__(self, request: Request, receive: Receive, send: Send) -> None:
        """Answers one request; raises AssayError where it cannot, and nothing was sent."""
        await request.read(receive, 0)
        if request.query:
            raise ParameterInvalid(request.query.partition("=")[0][:80], "is not a parameter here; known are none")
        collection, _, name = request.path[len(ADDRESS) : -len(LAST)].partition("/")
        item, file = await asyncio.to_thread(self._find, collection, name)
        headers = [*headers_of(item), (b"x-request-id", request.id.encode())]
        if tag_of(item) in request.headers.get(b"if-none-match", b""):
            await self._process.keep(request, 304, b"")
            await _send_head(send, 304, headers)
            return
        headers.append((b"content-type", TYPES[item.sound.format].encode()))
        if request.method == "HEAD":
            await self._process.keep(request, 200, b"")
            await reply(send, 200, b"", headers, item.size)
            return
        await self._process.keep_entry(Entry(streamed_row(request, item.size, item.digest), []))
        await _stream(send, file, [*headers, (b"content-length", str(item.size).encode())])

    def _find(self, collection: str, name: str) -> tuple[Item, Path]:
        """Raises CollectionNotFound, ItemNotFound, ArtifactRejected or StoreUnavailable."""
        assay = self._process.assay
        item = assay.items.find(assay.application.collection(collection).name, name)
        return item, assay.artifacts.confirmed(item.digest)


def headers_of(item: Item) -> Headers:
    """What is said of the bytes: to be saved and not shown, whatever else they may be read as."""
    return [
        (b"etag", tag_of(item)), (b"cache-control", b"private, no-cache"), (b"accept-ranges", b"none"),
        (b"x-content-type-options", b"nosniff"), (b"content-disposition", disposition_of(item).encode("ascii")),
        (b"content-security-policy", b"default-src 'none'; sandbox"), (b"cross-origin-resource-policy", b"same-origin"),
    ]  # fmt: skip


def disposition_of(item: Item) -> str:
    """Under which name the bytes are to be saved: the last part of the item's, with an ending that tells what they are."""
    name = item.name.rpartition("/")[2]
    endings = ENDINGS[item.sound.format]
    if not name.lower().endswith(endings):
        name += endings[0]
    return f"attachment; filename=\"{STRANGE.sub('_', name)}\"; filename*=UTF-8''{quote(name, safe='')}"


async def _send_head(send: Send, status: int, headers: Headers) -> None:
    """A response that has no body, and tells no length."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def _stream(send: Send, file: Path, headers: Headers) -> None:
    opened = await asyncio.to_thread(file.open, "rb")
    try:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        while chunk := await asyncio.to_thread(opened.read, CHUNK):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    except (OSError, RuntimeError):
        log.info("client_gone", status=200)  # what it asked is recorded all the same
    finally:
        await asyncio.to_thread(opened.close)
