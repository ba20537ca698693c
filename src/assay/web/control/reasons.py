"""`explain` and `similar`: why an answer is what it is, and what the version has learnt from that is like the question."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from assay.domain.question.reader import strict_json
from assay.errors import Fault, QuestionInvalid
from assay.serving.draw import Picked
from assay.serving.loaded import LoadedVersion
from assay.serving.similar import MAX_SIMILAR, similar
from assay.web.answering import ServedModel
from assay.web.control.parameters import Parameters, version_number
from assay.web.control.records import json_response
from assay.web.process import Process

router = APIRouter(tags=["models"])


@router.post("/v1/models/{name}/explain")
async def explain(request: Request, name: str) -> Response:
    """One answer with its reasons: base + every contribution = prediction, in the target's unit."""
    process: Process = request.app.state.process
    return await _explain(request, await ServedModel(process, name).pick(await request.body()))


@router.post("/v1/models/{name}/versions/{number}/explain")
async def explain_by(request: Request, name: str, number: str) -> Response:
    """The same by a version of your choice."""
    return await _explain(request, Picked(await _pinned(request, name, number)))


@router.post("/v1/models/{name}/similar")
async def similar_rows(request: Request, name: str) -> Response:
    """Training rows of the ruling version that are like the question, the nearest first; `n` of them (5)."""
    process: Process = request.app.state.process
    return await _similar(request, (await process.served(name)).version())


@router.post("/v1/models/{name}/versions/{number}/similar")
async def similar_rows_of(request: Request, name: str, number: str) -> Response:
    """The same for a version of your choice."""
    return await _similar(request, await _pinned(request, name, number))


async def _pinned(request: Request, name: str, number: str) -> LoadedVersion:
    process: Process = request.app.state.process
    await process.served(name)
    return await run_in_threadpool(process.shelf.pinned, name, version_number(name, number))


async def _explain(request: Request, picked: Picked) -> Response:
    Parameters(request)
    questions, single = picked.version.reader.read(await request.body())
    if not single:
        raise QuestionInvalid(
            (Fault("#", "send one question as an object; reasons are given one at a time", "wrong_type"),)
        )
    process: Process = request.app.state.process
    return json_response(await ServedModel(process, picked.version.model).explain_by(picked, questions[0]))


async def _similar(request: Request, version: LoadedVersion) -> Response:
    n = Parameters(request, "n").whole("n", low=1, high=MAX_SIMILAR)
    like = strict_json(await request.body())
    if not isinstance(like, dict):
        raise QuestionInvalid((Fault("#", "must be an object", "wrong_type"),))
    rows = await run_in_threadpool(similar, version, like, 5 if n is None else n)
    return json_response({"model": version.model, "version": version.number, "rows": rows})
