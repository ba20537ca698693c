"""`/v1/items`: the collections of kept inputs, and the items in them."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from assay.app.items.deleting import Deleting
from assay.clock import iso
from assay.domain.items.refusal import Refusal
from assay.errors import BadCursor, ParameterInvalid, RouteNotFound
from assay.store.paging import MAX_LIMIT, Page
from assay.web.control.described import answers
from assay.web.control.parameters import Parameters
from assay.web.control.records import json_response, page_response
from assay.web.items.upload import item_json
from assay.web.uploads import BY

router = APIRouter(tags=["items"])
STATES = ("kept", "refused")
FILE = {"schema": {"type": "string", "format": "binary"}}
SENT: dict[str, Any] = {"requestBody": {"required": True, "content": {"application/octet-stream": FILE}}}
BYTES: dict[str, Any] = {
    "status_code": 200,
    "response_class": Response,
    "responses": {200: {"description": "The bytes, to be saved", "content": {"audio/*": FILE}}},
}
LISTED: dict[str, Any] = {
    "parameters": [
        {"name": name, "in": "query", "description": text, "schema": kind}
        for name, text, kind in (
            ("limit", f"at most so many entries, 1 to {MAX_LIMIT} (100)", {"type": "integer"}),
            ("cursor", "`next_cursor` of the page before", {"type": "string"}),
            ("prefix", "only items whose names begin so", {"type": "string"}),
            ("state", "`refused` for watched files that are no items (kept)", {"type": "string", "enum": list(STATES)}),
        )
    ]
}


@router.get("/v1/items", **answers("Collection", many="list"))
async def collections(request: Request) -> Response:
    """Every collection, in the order in which the application declares them."""
    Parameters(request)
    return json_response({"results": await run_in_threadpool(_collections, request.app.state.assay)})


@router.get("/v1/items/{collection}", openapi_extra=LISTED, **answers("Item", many="page"))
async def items(request: Request, collection: str) -> Response:
    """The items of a collection, by name: filters `prefix`, `state`; paging by `limit` and `cursor`."""
    told = Parameters(request, "limit", "cursor", "prefix", "state")
    assay = request.app.state.assay
    limit = told.whole("limit", low=1, high=MAX_LIMIT) or 100
    after, prefix = read_cursor(told.text("cursor")), told.text("prefix") or ""
    state = told.text("state") or "kept"
    if state not in STATES:
        raise ParameterInvalid("state", f"must be one of {', '.join(STATES)}")
    if state == "refused" and prefix:
        raise ParameterInvalid("prefix", "is for items that are kept")
    name = (await run_in_threadpool(assay.application.collection, collection)).name
    if state == "refused":
        refused = await run_in_threadpool(assay.refusals.page, name, limit=limit + 1, after=after)
        return _by_name(request, refused, limit, [refusal_json(one) for one in refused[:limit]])
    found = await run_in_threadpool(assay.items.page, name, limit=limit + 1, after=after, prefix=prefix)
    return _by_name(request, found, limit, [item_json(one) for one in found[:limit]])


# ahead of the item's own address, which would take these for names
@router.get("/v1/items/{collection}/{name:path}/content", **BYTES)
async def content(collection: str, name: str) -> Response:
    """The item's bytes, as they were sent."""
    raise RouteNotFound  # the door streams them


@router.get("/v1/items/{collection}/{name:path}", **answers("Item"))
async def item(request: Request, collection: str, name: str) -> Response:
    """One item: what it is and how long it sounds."""
    Parameters(request)
    assay = request.app.state.assay
    known = await run_in_threadpool(assay.application.collection, collection)
    return json_response(item_json(await run_in_threadpool(assay.items.find, known.name, name)))


@router.put("/v1/items/{collection}/{name:path}", openapi_extra=SENT, **answers("Item", 201, 200))
async def put(collection: str, name: str) -> Response:
    """Keeps a recording under the name, in the place of the one that was there: 201, or 200 for the same bytes."""
    raise RouteNotFound  # the door streams what comes here


@router.delete("/v1/items/{collection}/{name:path}", **answers("", 204))
async def delete(request: Request, collection: str, name: str) -> Response:
    """Deletes an item, its bytes, and all that was said of it."""
    Parameters(request)
    assay = request.app.state.assay
    known = await run_in_threadpool(assay.application.collection, collection)
    await run_in_threadpool(Deleting(assay).delete, known.name, name, BY)
    return Response(status_code=204)


def refusal_json(found: Refusal) -> dict[str, Any]:
    """A watched file that is no item."""
    return {"name": found.name, "code": found.code, "error": found.error, "at": iso(found.at)}


def cursor_of(name: str) -> str:
    """The cursor of the page that begins after the name."""
    return base64.urlsafe_b64encode(name.encode()).rstrip(b"=").decode()


def read_cursor(cursor: str | None) -> str:
    """The name after which the page begins; raises BadCursor."""
    if cursor is None:
        return ""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (UnicodeError, binascii.Error):
        raise BadCursor from None


def _collections(assay: Any) -> list[dict[str, Any]]:
    kept, refused = assay.items.counts(), assay.refusals.counts()
    return [
        {
            "name": one.name, "models": [model.name for model in one.models], "items": kept.get(one.name, 0),
            "refused": refused.get(one.name, 0), "longest_seconds": one.longest_s,
        }
        for one in assay.application.items().values()
    ]  # fmt: skip


def _by_name(request: Request, found: list[Any], limit: int, results: list[dict[str, Any]]) -> Response:
    following = cursor_of(found[limit - 1].name) if len(found) > limit else None
    return page_response(request, Page(entries=[], next_cursor=following), results)
