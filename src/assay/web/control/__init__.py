"""The control plane: everything but the hot route, as FastAPI routes that only translate."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from assay.errors import AssayError, MethodNotAllowed
from assay.web.canonical import Canonical
from assay.web.control import docs
from assay.web.control.direct import Direct, methods_of
from assay.web.control.kept import short
from assay.web.control.routes import ROUTERS
from assay.web.features.lookups import Lookups, ServedFeatures, tables_of
from assay.web.problems import CONTENT_TYPE, PassedOn, known, problem_of
from assay.web.process import Process, asked_in
from assay.web.tasks.handling import TaskedModel

REFUSALS = (AssayError, RequestValidationError, HTTPException)


def make_control(process: Process) -> Direct:
    """The control plane of one process, FastAPI standing aside where it is not needed."""
    return Direct(make_api(process), refused, REFUSALS)


def make_api(process: Process) -> FastAPI:
    """The same as FastAPI has it, with the application's own routes at the root."""
    application = process.assay.application
    api = FastAPI(
        title=application.folder.name, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )  # an address has one spelling
    api.state.assay = process.assay
    api.state.process = process
    api.state.ask = Canonical(api)
    for kind in REFUSALS:
        api.add_exception_handler(kind, refused)
    short.join(api, process)
    lookups = Lookups(process)
    for table in tables_of(process).values():
        table.answering = ServedFeatures(lookups, table)
    if application.has_routes:
        for name, model in application.models().items():
            model.answering = TaskedModel(process, name)
        api.include_router(application.router(), tags=["application"])
    for router in (*ROUTERS, docs.router):
        api.include_router(router)
    api.openapi = lambda: docs.openapi(api, process)  # type: ignore[method-assign]  # FastAPI's documented way
    return api


async def refused(request: Request, error: Exception) -> Response:
    """A refusal as problem+json."""
    if isinstance(error, PassedOn):
        return Response(error.body, error.status, {"cache-control": "no-store"}, CONTENT_TYPE.decode())
    if isinstance(error, HTTPException) and error.status_code == 405 and "Allow" in (error.headers or {}):
        # which names the methods of the first route only
        error = MethodNotAllowed(", ".join(methods_of(request.app, request.scope["path"])))
    conversation = asked_in.get()
    status, body, headers = problem_of(known(error), conversation.id if conversation else "")
    named = {"cache-control": "no-store"} | {name.decode(): value.decode() for name, value in headers}
    if isinstance(error, HTTPException):
        named |= {name.lower(): value for name, value in (error.headers or {}).items()}
    return Response(body, status, named, CONTENT_TYPE.decode())
