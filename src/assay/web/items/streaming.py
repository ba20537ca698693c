"""Which route streams a request's body in, or an answer's out; every other body is held in memory, and is short."""

from __future__ import annotations

from typing import Protocol

from assay.web.items.content import ContentRoute
from assay.web.items.upload import ItemRoute
from assay.web.process import Process
from assay.web.requests import Receive, Request, Send
from assay.web.uploads import UploadRoute


class Streamed(Protocol):
    """Answers a request of which nothing was read yet; raises AssayError where it cannot, and nothing was sent."""

    def takes(self, request: Request) -> bool: ...
    async def __call__(self, request: Request, receive: Receive, send: Send) -> None: ...


class Streams:
    """The routes for rows in, recordings in, and recordings out."""

    def __init__(self, process: Process) -> None:
        self._routes: tuple[Streamed, ...] = (UploadRoute(process), ItemRoute(process), ContentRoute(process))

    def route(self, request: Request) -> Streamed | None:
        """The route that takes the request, if one does."""
        return next((route for route in self._routes if route.takes(request)), None)
