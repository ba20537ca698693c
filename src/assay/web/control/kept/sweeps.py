"""`/v1/sweeps`: how far each version is with the kept items, and a sweep that is wanted now."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from assay.app import Assay
from assay.app.items.asking import sweep_now
from assay.app.items.progress import states
from assay.domain.items.collection import Items
from assay.web.control.described import answers
from assay.web.control.jobs import BY, accepted, job_json
from assay.web.control.kept.told import state_json
from assay.web.control.parameters import Parameters
from assay.web.control.records import json_response

router = APIRouter(tags=["items"])
MODEL: dict[str, Any] = {
    "parameters": [
        {"name": "model", "in": "query", "description": "this model only", "schema": {"type": "string"}}
    ]
}  # fmt: skip


@router.get("/v1/sweeps", **answers("Sweep", many="list"))
async def sweeps(request: Request) -> Response:
    """How far each answering version is with each collection, why it is no further, and when it will be done."""
    Parameters(request)
    assay: Assay = request.app.state.assay
    return json_response({"results": await run_in_threadpool(_all, assay, list(assay.application.items().values()))})


@router.get("/v1/sweeps/{collection}", **answers("Sweep", many="list"))
async def sweep(request: Request, collection: str) -> Response:
    """How far each answering version is with one collection."""
    Parameters(request)
    assay: Assay = request.app.state.assay
    found = await run_in_threadpool(assay.application.collection, collection)
    return json_response({"results": await run_in_threadpool(_all, assay, [found])})


@router.post("/v1/sweeps/{collection}", openapi_extra=MODEL, **answers("Job", 202))
async def order(request: Request, collection: str) -> Response:
    """Has the items scored now that are not, failing ones included: 202 with the job, of several models in `jobs`."""
    told = Parameters(request, "model")
    assay: Assay = request.app.state.assay
    found = await run_in_threadpool(assay.application.collection, collection)
    jobs = await run_in_threadpool(sweep_now, assay, found, told.text("model"), BY)
    if len(jobs) == 1:
        return accepted(jobs[0])
    response = accepted(jobs[0])
    body: dict[str, Any] = msgspec.json.decode(response.body)
    made = msgspec.json.encode(body | {"jobs": [job_json(one) for one in jobs]})
    headers = {name: response.headers[name] for name in ("cache-control", "location", "retry-after")}
    return Response(made, 202, headers, "application/json")


def _all(assay: Assay, collections: list[Items]) -> list[dict[str, Any]]:
    return [state_json(one) for collection in collections for one in states(assay, collection)]
