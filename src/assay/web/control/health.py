"""`/`, `/livez` and `/readyz`: where to begin, whether the process is alive, and whether it can answer."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from assay.errors import AssayError
from assay.store.record.resting import RestingRecorder
from assay.web.control.described import answers
from assay.web.control.records import json_response
from assay.web.process import Process

PATIENCE_S = 3.0
router = APIRouter(tags=["health"])


@router.get("/", **answers("Root"))
async def root(request: Request) -> Response:
    """Where to begin: the models that answer here, and the documentation."""
    process: Process = request.app.state.process
    names = {name: f"/v1/models/{name}/predict" for name in process.shelf.served}
    return json_response(
        {"service": request.app.title, "documentation": "/docs", "openapi": "/openapi.json", "predict": names}
    )


@router.get("/livez", **answers("Health"))
async def livez() -> Response:
    """Whether the process runs: 200 while it does. It asks nothing of the store."""
    return json_response({"status": "ok"})


@router.get("/readyz", **answers("Health", 200, 503))
async def readyz(request: Request) -> Response:
    """Whether it can answer: 200 if the store is read and written and each model has a version that answers; else 503 and why."""
    process: Process = request.app.state.process
    missing = dict(process.shelf.trouble)
    if trouble := await _trouble(request):
        missing["store"] = trouble
    models = {name: served.ruling.number if served.ruling else None for name, served in process.shelf.served.items()}
    missing |= {name: "no version answers" for name, number in models.items() if number is None and name not in missing}
    if not models:
        missing["models"] = "none is trained yet"
    if process.draining:
        missing["process"] = "the server is stopping"
    found = {"status": "unready" if missing else "ok", "models": models, "unsafe": sorted(process.settings.unsafe)}
    response = json_response(found | ({"missing": missing} if missing else {}))
    response.status_code = 503 if missing else 200
    return response


async def _trouble(request: Request) -> str:
    """What is wrong with the store, as far as can be said soon; probes that come meanwhile share one question to it."""
    state = request.app.state
    asking: asyncio.Future[str] | None = getattr(state, "asking", None)
    if asking is None or asking.done():
        asking = state.asking = asyncio.ensure_future(run_in_threadpool(_asked, state.process))
    await asyncio.wait({asking}, timeout=PATIENCE_S)
    return asking.result() if asking.done() else "it does not answer"


def _asked(process: Process) -> str:
    try:
        process.shelf.check_room()
        process.assay.rollouts.newest()
    except AssayError as failed:
        return str(failed)
    recorder = process.assay.recorder  # whose next try is the record of this very probe
    return recorder.trouble if isinstance(recorder, RestingRecorder) else ""
