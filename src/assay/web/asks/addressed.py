"""Which model a predict address asks, and which version if one is named."""

from __future__ import annotations

import asyncio

from assay.errors import MethodNotAllowed, RouteNotFound, VersionNotFound
from assay.serving.loaded import LoadedVersion
from assay.serving.served import Served
from assay.web.process import Process
from assay.web.requests import Request

PREFIX = "/v1/models/"
SUFFIX = "/predict"


def asks(request: Request) -> bool:
    """Whether the address is one at which a model is asked."""
    return request.path.startswith(PREFIX) and request.path.endswith(SUFFIX)


async def addressed(process: Process, request: Request) -> tuple[Served, LoadedVersion | None]:
    """Who is asked; raises MethodNotAllowed, RouteNotFound, ModelNotFound or VersionNotFound, or that it cannot answer."""
    parts = request.path[len(PREFIX) :].split("/")
    if request.method != "POST":
        raise MethodNotAllowed("POST")
    served = process.shelf.served.get(parts[0]) or await process.served(parts[0])
    if len(parts) == 2:
        return served, None
    if len(parts) != 4 or parts[1] != "versions":
        raise RouteNotFound
    if not (parts[2].isascii() and parts[2].isdigit()) or len(parts[2]) > 9:
        raise VersionNotFound(parts[0], parts[2])
    return served, await asyncio.to_thread(process.shelf.pinned, parts[0], int(parts[2]))
