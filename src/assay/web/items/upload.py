"""The upload of a recording: raw bytes, streamed from the socket into quarantine and never held in memory."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec
import structlog

from assay.app.items.receiving import Intake
from assay.clock import iso
from assay.domain.items.collection import Items
from assay.domain.items.item import Item
from assay.errors import (
    ApplicationInvalid,
    AssayError,
    AudioUnsupported,
    BodyIsPart,
    ParameterInvalid,
    UnsupportedEncoding,
)
from assay.web.process import Process
from assay.web.requests import Receive, Request, Send, reply
from assay.web.uploads import BY, Body, told_length

ADDRESS = "/v1/items/"
EXAMINED_AT_ONCE = 2
FORM = b"multipart/"
log = structlog.get_logger("assay")


class Target(NamedTuple):
    """Where an item is to be kept."""

    collection: str
    name: str


class ItemRoute:
    """`PUT /v1/items/{collection}/{name}`, and `PUT /{collection}/{name}` for the collections that there are."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._intake = Intake(process.assay)
        self._whole_only = "no-quarantine" not in process.settings.unsafe
        self._examining = asyncio.Semaphore(EXAMINED_AT_ONCE)

    def takes(self, request: Request) -> bool:
        """Whether the request is an upload of an item."""
        return request.method == "PUT" and self._target(request.path) is not None

    async def __call__(self, request: Request, receive: Receive, send: Send) -> None:
        """Answers one request, of which nothing was read yet; raises AssayError where it cannot, and nothing was sent."""
        body = Body(receive, request)
        try:
            item, new = await self._receive(request, body)
        except AssayError:
            await body.skip()
            request.unread = body.more
            raise
        request.body = b""  # the item has the bytes, and whoever deletes it deletes them
        response = msgspec.json.encode(item_json(item))
        status = 201 if new else 200
        await self._process.keep(request, status, response)
        headers = [
            (b"content-type", b"application/json"), (b"cache-control", b"no-store"), (b"x-request-id", request.id.encode()),
            (b"etag", tag_of(item)), (b"location", address_of(item).encode()),
        ]  # fmt: skip
        await reply(send, status, response, headers)

    async def _receive(self, request: Request, body: Body) -> tuple[Item, bool]:
        collection, name = self._target(request.path) or Target("", "")
        found = await asyncio.to_thread(self._intake.collection, collection, name)
        _check(request)
        draft = await asyncio.to_thread(self._intake.begin, told_length(request))
        try:
            await body.stream(draft, whole_only=self._whole_only)
            async with self._examining:
                return await asyncio.to_thread(self._intake.finish, draft, found, name, BY)
        finally:
            await asyncio.to_thread(draft.discard)

    def _target(self, path: str) -> Target | None:
        if path.startswith(ADDRESS):
            collection, _, name = path[len(ADDRESS) :].partition("/")
            return Target(collection, name)
        collection, _, name = path[1:].partition("/")
        return Target(collection, name) if collection in collections_of(self._process) else None


def collections_of(process: Process) -> dict[str, Items]:
    """The collections by name; none where the application's module cannot be imported, which versions answer without."""
    try:
        return process.assay.application.items()
    except ApplicationInvalid as failed:
        log.warning("collections_not_served", reason=str(failed))
        return {}


def item_json(item: Item) -> dict[str, Any]:
    """An item for people and programs: `duration` in whole seconds, `duration_seconds` exactly."""
    sound = item.sound
    return {
        "name": item.name, "collection": item.collection, "id": item.id, "digest": item.digest, "size": item.size,
        "format": sound.format, "rate": sound.rate, "channels": sound.channels, "duration": int(sound.duration_s),
        "duration_seconds": sound.duration_s, "notes": sound.notes, "origin": item.origin, "added_at": iso(item.at),
        "content": f"{address_of(item)}/content",
    }  # fmt: skip


def address_of(item: Item) -> str:
    """The item's address, with everything but letters, digits and `/` in it percent-encoded."""
    return f"{ADDRESS}{item.collection}/{quote(item.name)}"


def tag_of(item: Item) -> bytes:
    """The entity tag of the item's bytes."""
    return f'"{item.digest}"'.encode()


def _check(request: Request) -> None:
    """Raises what is wrong with the request apart from its body; the body's type is found by its content."""
    if request.headers.get(b"content-type", b"").lower().startswith(FORM):
        raise AudioUnsupported("Send the recording's own bytes as the body; a form is none.")
    if request.headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise UnsupportedEncoding
    if b"content-range" in request.headers:
        raise BodyIsPart
    request.check_accept()
    if request.query:
        raise ParameterInvalid(request.query.partition("=")[0][:80], "is not a parameter here; known are none")
