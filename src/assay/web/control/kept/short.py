"""The collections as an application has them: its own routes reach them, and uploads have a short address."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI, Response

from assay.errors import RouteNotFound
from assay.web.control.described import answers
from assay.web.control.kept.items import SENT
from assay.web.items.answering import ServedItems
from assay.web.items.upload import collections_of
from assay.web.process import Process


def join(api: FastAPI, process: Process) -> None:
    """Lets the application's collections answer, and describes the short addresses of their uploads."""
    for name, collection in collections_of(process).items():
        collection.answering = ServedItems(process, collection)
        api.include_router(_router(name))


def _router(collection: str) -> APIRouter:
    made = APIRouter(tags=["application"])
    told = answers("Item", 201, 200)
    made.add_api_route(f"/{collection}/{{name:path}}", put, methods=["PUT"], openapi_extra=SENT, **told)
    return made


async def put(name: str) -> Response:
    """Keeps a recording under the name, in the place of the one that was there: 201, or 200 for the same bytes."""
    raise RouteNotFound  # the door streams what comes here
