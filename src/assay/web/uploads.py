"""The upload route: a file of rows, streamed from the socket into quarantine and never held in memory."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import msgspec

from assay.app.given.receiving import Receiving
from assay.domain.given.upload import TYPES, Format, Upload
from assay.errors import AssayError, BodyCutOff, BodyTooLarge, ParameterInvalid, UnsupportedEncoding, UnsupportedFile
from assay.store.files.quarantine import Draft
from assay.web.process import Process
from assay.web.requests import REMEMBERED_OF_REFUSED, Receive, Request, Send, reply

PREFIX, SUFFIX = "/v1/datasets/", "/rows"
WRITTEN_AT_ONCE = 1 << 20
READ_OF_REFUSED = 1 << 20
READ_OF_REFUSED_S = 2.0
SIFTED_AT_ONCE = 2
BY = "HTTP"


class UploadRoute:
    """`POST /v1/datasets/{name}/rows` with anything but JSON, which the control plane reads."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._receiving = Receiving(process.assay)
        self._whole_only = "no-quarantine" not in process.settings.unsafe
        self._sifting = asyncio.Semaphore(SIFTED_AT_ONCE)

    @staticmethod
    def takes(request: Request) -> bool:
        """Whether the request is an upload of a file."""
        path = request.path
        there = request.method == "POST" and path.startswith(PREFIX) and path.endswith(SUFFIX)
        return there and not request.says_json()

    async def __call__(self, request: Request, receive: Receive, send: Send) -> None:
        """Answers one request, of which nothing was read yet; raises AssayError where it cannot, and nothing was sent."""
        body = Body(receive, request)
        try:
            upload, new = await self._receive(request, body)
        except AssayError:
            await body.skip()
            request.unread = body.more
            raise
        response = msgspec.json.encode(appended_json(upload, new=new))
        await self._process.keep(request, 201 if new else 200, response)
        headers = [
            (b"content-type", b"application/json"), (b"cache-control", b"no-store"), (b"x-request-id", request.id.encode()),
        ]  # fmt: skip
        await reply(send, 201 if new else 200, response, headers)

    async def _receive(self, request: Request, body: Body) -> tuple[Upload, bool]:
        format_ = format_of(request)
        request.check_accept()
        if request.query:
            raise ParameterInvalid(request.query.partition("=")[0][:80], "is not a parameter here; known are none")
        name = request.path[len(PREFIX) : -len(SUFFIX)]
        dataset = await asyncio.to_thread(self._process.assay.uploads.find, name)
        draft = await asyncio.to_thread(self._receiving.begin, told_length(request))
        try:
            await body.stream(draft, whole_only=self._whole_only)
            async with self._sifting:
                return await asyncio.to_thread(self._receiving.finish, draft, dataset, format_, BY)
        finally:
            await asyncio.to_thread(draft.discard)


class Body:
    """The body of one request as it comes; its size and its beginning are for the record."""

    def __init__(self, receive: Receive, request: Request) -> None:
        self._receive = receive
        self._request = request
        self.more = True

    async def read(self, *, whole_only: bool = True) -> bytes:
        """The next part; raises BodyCutOff where the client went away."""
        message = await self._receive()
        data: bytes = message.get("body", b"")
        self.more = bool(message.get("more_body", False))
        request = self._request
        request.size += len(data)
        if len(request.body) < REMEMBERED_OF_REFUSED:
            request.body += data[: REMEMBERED_OF_REFUSED - len(request.body)]
        if message["type"] == "http.disconnect":
            self.more = False
            if whole_only:
                raise BodyCutOff
        return data

    async def stream(self, draft: Draft, *, whole_only: bool = True) -> None:
        """Writes all of it to a draft; raises BodyCutOff, BodyTooLarge or StorageFull."""
        gathered = bytearray()
        while self.more:
            gathered += await self.read(whole_only=whole_only)
            if len(gathered) >= WRITTEN_AT_ONCE or not self.more:
                await asyncio.to_thread(draft.write, gathered)
                gathered = bytearray()

    async def skip(self) -> None:
        """Reads a short body that nobody wants to its end, so that a client that is still sending may read why."""
        told = self._request.headers.get(b"content-length", b"")
        if not told.isdigit() or len(told) > 9 or int(told) > READ_OF_REFUSED:
            return
        with suppress(BodyCutOff, TimeoutError):
            async with asyncio.timeout(READ_OF_REFUSED_S):
                while self.more:
                    await self.read()


def format_of(request: Request) -> Format:
    """The kind of file that the body is said to be; raises UnsupportedFile or UnsupportedEncoding."""
    told = request.headers.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1")
    if told not in TYPES:
        *most, last = ("application/json", *TYPES)
        raise UnsupportedFile(f"Send rows as {', '.join(most)} or {last}, not as {told[:80] or 'nothing'}.")
    if request.headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise UnsupportedEncoding
    return TYPES[told]


def told_length(request: Request) -> int:
    """What the request says its body's length is, 0 where it says nothing; raises BodyTooLarge where that is none."""
    told = request.headers.get(b"content-length", b"0")
    if not told.isdigit() or len(told) > 18:
        raise BodyTooLarge("The body's length is no number.")
    return int(told)


def appended_json(upload: Upload, *, new: bool) -> dict[str, object]:
    """What became of the rows."""
    return {
        "dataset": upload.dataset, "upload": upload.id, "rows": upload.rows, "removed": upload.removed,
        "reasons": upload.reasons, "deduplicated": not new,
    }  # fmt: skip
