"""`/v1/features`: the feature tables, and what is and was known of the entities in them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from assay.clock import iso, parse_iso
from assay.domain.features.table import Features
from assay.errors import BadCursor
from assay.store.paging import MAX_LIMIT, Page
from assay.web.control.described import answers
from assay.web.control.features.told import entity_json, read_many, read_one, table_json
from assay.web.control.kept.items import cursor_of, read_cursor
from assay.web.control.parameters import Parameters
from assay.web.control.records import json_response, page_response
from assay.web.uploads import BY

router = APIRouter(tags=["features"])
VALUES: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
}
MANY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "array", "items": {"type": "object"}, "minItems": 1}}},
    }
}


def _parameters(**told: str) -> dict[str, Any]:
    kinds = {"limit": {"type": "integer"}, "as_of": {"type": "string", "format": "date-time"}}
    meant = {
        "limit": f"at most so many entries, 1 to {MAX_LIMIT} (100)", "cursor": "`next_cursor` of the page before",
    }  # fmt: skip
    return {
        "parameters": [
            {"name": name, "in": "query", "description": text, "schema": kinds.get(name, {"type": "string"})}
            for name, text in (told or meant).items()
        ]
    }


@router.get("/v1/features", **answers("FeatureTable", many="list"))
async def tables(request: Request) -> Response:
    """Every feature table, in the order in which the application declares them."""
    Parameters(request)
    found = await run_in_threadpool(request.app.state.assay.application.features)
    return json_response({"results": [table_json(one) for one in found.values()]})


@router.get("/v1/features/{features}", openapi_extra=_parameters(), **answers("Entity", many="page"))
async def entities(request: Request, features: str) -> Response:
    """The entities of a table by key: paging by `limit` and `cursor`."""
    told = Parameters(request, "limit", "cursor")
    limit = told.whole("limit", low=1, high=MAX_LIMIT) or 100
    after, table = read_cursor(told.text("cursor")), await _table(request, features)
    found = await run_in_threadpool(request.app.state.assay.features.page, table.name, limit=limit + 1, after=after)
    following = cursor_of(found[limit - 1].key) if len(found) > limit else None
    page: Page[Any] = Page(entries=[], next_cursor=following)
    return page_response(request, page, [entity_json(one) for one in found[:limit]])


@router.post("/v1/features/{features}", openapi_extra=MANY, **answers("FeaturesKept"))
async def put_many(request: Request, features: str) -> Response:
    """Keeps what is known of some entities, each with its key among its fields; all of them or none. The last of a key counts."""
    Parameters(request)
    table, assay = await _table(request, features), request.app.state.assay
    rows, count = await run_in_threadpool(read_many, table, await request.body(), assay.settings.max_rows)
    kept = await run_in_threadpool(assay.features.put, table.name, rows, BY)
    told = {"features": table.name, "rows": count}
    return json_response(told | {"added": kept.added, "changed": kept.changed, "unchanged": kept.unchanged})


@router.get("/v1/features/{features}/{entity}/history", openapi_extra=_parameters(), **answers("Entity", many="page"))
async def history(request: Request, features: str, entity: str) -> Response:
    """Every state of an entity, the newest first: paging by `limit` and `cursor`. One that was never known has none."""
    told = Parameters(request, "limit", "cursor")
    limit, table = told.whole("limit", low=1, high=MAX_LIMIT) or 100, await _table(request, features)
    cursor = told.text("cursor")
    try:
        before = None if cursor is None else parse_iso(cursor)
    except (ValueError, OverflowError):
        raise BadCursor from None
    found = await run_in_threadpool(
        request.app.state.assay.features.history, table.name, table.key_of(entity), limit=limit + 1, before=before
    )
    following = iso(found[limit - 1].at) if len(found) > limit else None
    page: Page[Any] = Page(entries=[], next_cursor=following)
    return page_response(request, page, [entity_json(one) for one in found[:limit]])


@router.get(
    "/v1/features/{features}/{entity}",
    openapi_extra=_parameters(as_of="as it was known at this time (ISO 8601 with a zone)"),
    **answers("Entity"),
)
async def entity(request: Request, features: str, entity: str) -> Response:
    """What is known of an entity, or was known `as_of` a time."""
    told = Parameters(request, "as_of")
    at, table, store = told.moment("as_of"), await _table(request, features), request.app.state.assay.features
    key = table.key_of(entity)
    if at is None:
        return json_response(entity_json(await run_in_threadpool(store.find, table.name, key)))
    return json_response(entity_json(await run_in_threadpool(store.as_of, table.name, key, at)))


@router.put("/v1/features/{features}/{entity}", openapi_extra=VALUES, **answers("Entity", 201, 200))
async def put(request: Request, features: str, entity: str) -> Response:
    """Keeps what is known of an entity from now on: 201 for one that is new, else 200. Its history keeps what was known before."""
    Parameters(request)
    table, store = await _table(request, features), request.app.state.assay.features
    key = table.key_of(entity)
    kept = await run_in_threadpool(store.put, table.name, {key: read_one(table, key, await request.body())}, BY)
    response = json_response(entity_json(await run_in_threadpool(store.find, table.name, key)))
    response.status_code = 201 if kept.added else 200
    return response


@router.delete("/v1/features/{features}/{entity}", **answers("", 204))
async def delete(request: Request, features: str, entity: str) -> Response:
    """Ends what is known of an entity; what was known before can still be asked for."""
    Parameters(request)
    table = await _table(request, features)
    await run_in_threadpool(request.app.state.assay.features.delete, table.name, table.key_of(entity), BY)
    return Response(status_code=204)


async def _table(request: Request, name: str) -> Features:
    found: Features = await run_in_threadpool(request.app.state.assay.application.table, name)
    return found
