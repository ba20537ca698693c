"""`/v1/queries`: questions asked batch by batch of one version, and their answers read page by page."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from assay.errors import Fault, QueryClosed, QuestionInvalid
from assay.web.answering import ServedModel
from assay.web.control.described import answers
from assay.web.control.parameters import Parameters, body_as
from assay.web.control.records import json_response
from assay.web.process import Process

router = APIRouter(tags=["queries"])
ADDRESS = "/v1/queries"
MAX_PAGE_SIZE = 1_000
PAGED: dict[str, Any] = {
    "parameters": [
        {
            "name": "page", "in": "query", "schema": {"type": "integer", "minimum": 0, "default": 0},
            "description": "which page, the first being 0",
        },
        {
            "name": "page_size", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
            "description": "how many answers a page holds",
        },
    ]
}  # fmt: skip
PINNED: dict[str, Any] = {
    "requestBody": {
        "content": {"application/json": {"schema": {"type": "object", "properties": {"version": {"type": "integer"}}}}}
    }
}
LIST: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "array", "items": {"type": "object"}, "minItems": 1}}},
    }
}


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a request that opens a query."""

    version: int | None = None


@router.post("/v1/models/{name}/queries", openapi_extra=PINNED, **answers("Query", 201))
async def open_query(request: Request, name: str) -> Response:
    """Opens a query: all of its questions are answered by the version that rules now, or by `version`."""
    Parameters(request)
    process: Process = request.app.state.process
    wanted = body_as(await request.body(), Wanted)
    served = await process.served(name)
    number = served.version().number if wanted.version is None else wanted.version
    await run_in_threadpool(process.shelf.pinned, name, number)
    query = await run_in_threadpool(process.assay.queries.open, name, number)
    location = f"{ADDRESS}/{query.id}"
    told = {"id": query.id, "location": location, "model": name, "version": number}
    response = json_response(told, {"location": location})
    response.status_code = 201
    return response


@router.post("/v1/queries/{id}", openapi_extra=LIST, **answers("Batch"))
async def ask(request: Request, id: str) -> Response:
    """Asks a list of questions, which are answered and recorded at once; the answers are read with GET."""
    Parameters(request)
    process: Process = request.app.state.process
    query = await run_in_threadpool(process.assay.queries.find, id)
    if query.closed_at is not None:
        raise QueryClosed
    await process.served(query.model)
    version = await run_in_threadpool(process.shelf.pinned, query.model, query.version)
    questions, single = await run_in_threadpool(version.reader.read, await request.body())
    if single:
        raise QuestionInvalid((Fault("#", "send a list of questions", "wrong_type"),))
    model = ServedModel(process, query.model)
    answered = await model.answer_by(version, questions)
    batch = await run_in_threadpool(process.assay.queries.append, id, answered.ids)
    await model.keep(answered, questions)
    return json_response({"batch": batch, "rows": len(questions)})


@router.get("/v1/queries/{id}", openapi_extra=PAGED, **answers("Answers"))
async def read(request: Request, id: str) -> Response:
    """The answers in the order of the questions, page by page; the first reading closes the query."""
    told = Parameters(request, "page", "page_size")
    page = told.whole("page", low=0, high=10**9) or 0
    size = told.whole("page_size", low=1, high=MAX_PAGE_SIZE) or 100
    queries = request.app.state.assay.queries
    query = await run_in_threadpool(queries.close, id)
    results, total = await run_in_threadpool(queries.answers, id, page * size, size)
    pages = -(-total // size)
    following = f"{ADDRESS}/{id}?page={page + 1}&page_size={size}" if page + 1 < pages else None
    found = {
        "results": results,
        "next": following,
        "total": total,
        "pages": pages,
        "closed": query.closed_at is not None,
    }
    return json_response(found, {"link": f'<{following}>; rel="next"'} if following else {})


@router.delete("/v1/queries/{id}", **answers("", 204))
async def delete(request: Request, id: str) -> Response:
    """Forgets the query; its predictions stay in the record."""
    Parameters(request)
    await run_in_threadpool(request.app.state.assay.queries.delete, id)
    return Response(status_code=204)
