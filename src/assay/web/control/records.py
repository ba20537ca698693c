"""`/v1/exchanges` and `/v1/predictions`: the record, the newest first, page by page."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from assay.clock import iso
from assay.domain.exchange import Exchange
from assay.errors import RouteNotFound
from assay.store.paging import Page
from assay.store.record.predictions import Recorded
from assay.web.control.described import answers
from assay.web.control.parameters import PAGING, Parameters, documented

router = APIRouter(tags=["record"])


@router.get(
    "/v1/exchanges",
    openapi_extra=documented(path="this address only", status="this status only", method="this method only"),
    **answers("Exchange", many="page"),
)
async def exchanges(request: Request) -> Response:
    """Every HTTP exchange: filters `path`, `status`, `method`, `since`, `until`; paging by `limit` and `cursor`."""
    told = Parameters(request, *PAGING, "path", "status", "method")
    page = await run_in_threadpool(
        request.app.state.assay.exchanges.page, told.window(), path=told.text("path"), method=told.text("method"),
        status=told.whole("status", low=100, high=599),
    )  # fmt: skip
    return page_response(request, page, [exchange_json(one) for one in page.entries])


@router.get("/v1/exchanges/{id}", **answers("Exchange"))
async def exchange(request: Request, id: str) -> Response:
    """One exchange by its id, which every response carries as X-Request-ID."""
    Parameters(request)
    found = await run_in_threadpool(request.app.state.assay.exchanges.find, id)
    if found is None:
        raise RouteNotFound("There is no exchange of this id.")
    return json_response(exchange_json(found))


@router.get(
    "/v1/predictions",
    openapi_extra=documented(
        model="of this model only", version="of this version only", role="answer, shadow or rescore",
        exchange="asked in this exchange only", entity="about this entity only, such as `users/e337a675`",
    ),
    **answers("Recorded", many="page"),
)  # fmt: skip
async def predictions(request: Request) -> Response:
    """Every prediction: filters `model`, `version`, `role`, `exchange`, `entity`, `since`, `until`; pages by `limit`, `cursor`."""
    told = Parameters(request, *PAGING, "model", "version", "role", "exchange", "entity")
    page = await run_in_threadpool(
        request.app.state.assay.predictions.page, told.window(), model=told.text("model"), role=told.text("role"),
        version=told.whole("version", low=1, high=10**9), exchange=told.text("exchange"),
        entity=told.text("entity"),
    )  # fmt: skip
    return page_response(request, page, [prediction_json(one) for one in page.entries])


@router.get("/v1/predictions/{id}", **answers("Recorded"))
async def prediction(request: Request, id: str) -> Response:
    """One prediction by its id."""
    Parameters(request)
    found = await run_in_threadpool(request.app.state.assay.predictions.find, id)
    if found is None:
        raise RouteNotFound("There is no prediction of this id.")
    return json_response(prediction_json(found))


def exchange_json(found: Exchange) -> dict[str, Any]:
    """An exchange for people and programs: bytes as text where they are text, else as base64."""
    made = msgspec.structs.asdict(found)
    made["at"] = iso(found.at)
    made["request"], made["response"] = _text(found.request), _text(found.response)
    return made


def prediction_json(found: Recorded) -> dict[str, Any]:
    """A prediction for people and programs."""
    return msgspec.structs.asdict(found) | {"at": iso(found.at)}


def page_response(request: Request, page: Page[Any], results: list[dict[str, Any]], **beside: Any) -> Response:
    """A page: `results`, and `next` with the address of the one after it (also as a Link header, RFC 8288).

    What stands `beside` the results comes first.
    """
    following = None
    if page.next_cursor is not None:
        told = dict(request.query_params) | {"cursor": page.next_cursor}
        following = f"{quote(request.url.path)}?{urlencode(told)}"
    headers = {"link": f'<{following}>; rel="next"'} if following else {}
    told = beside | {"results": results, "next_cursor": page.next_cursor, "next": following}
    return json_response(told, headers)


def json_response(value: Any, headers: dict[str, str] | None = None) -> Response:
    """A value as JSON."""
    return Response(
        msgspec.json.encode(value),
        headers={"cache-control": "no-store"} | (headers or {}),
        media_type="application/json",
    )


def _text(data: bytes | None) -> Any:
    if data is None:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}
