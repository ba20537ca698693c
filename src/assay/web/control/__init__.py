"""The control plane: everything but the hot route, as FastAPI routes that only translate."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from itertools import islice
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from assay.domain.question.input import NotTaken
from assay.domain.question.reader import MAX_FAULTS
from assay.errors import AssayError, Fault, MalformedJson, MethodNotAllowed, QuestionInvalid, RouteNotFound
from assay.web.canonical import Canonical
from assay.web.control import docs
from assay.web.control.direct import Direct
from assay.web.control.kept import short
from assay.web.control.routes import ROUTERS
from assay.web.features.lookups import Lookups, ServedFeatures, tables_of
from assay.web.problems import CONTENT_TYPE, OwnRefusal, PassedOn, problem_of
from assay.web.process import Process, asked_in
from assay.web.tasks.handling import TaskedModel

REFUSALS = (AssayError, RequestValidationError, HTTPException)
LONGEST_PART = 80  # that a refusal repeats of a name that a client has chosen


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


async def refused(_request: Request, error: Exception) -> Response:
    """A refusal as problem+json."""
    if isinstance(error, PassedOn):
        return Response(error.body, error.status, {"cache-control": "no-store"}, CONTENT_TYPE.decode())
    conversation = asked_in.get()
    status, body, headers = problem_of(_known(error), conversation.id if conversation else "")
    named = {"cache-control": "no-store"} | {name.decode(): value.decode() for name, value in headers}
    if isinstance(error, HTTPException):
        named |= {name.lower(): value for name, value in (error.headers or {}).items()}
    return Response(body, status, named, CONTENT_TYPE.decode())


def _known(error: Exception) -> AssayError:
    if isinstance(error, AssayError):
        return error
    if isinstance(error, HTTPException):
        return _refusal(error)
    if isinstance(error, RequestValidationError):
        told = error.errors()
        if any(one["type"] == "json_invalid" for one in told):
            return MalformedJson()
        return QuestionInvalid(tuple(islice((fault for one in told for fault in _faults(one)), MAX_FAULTS)))
    return AssayError()


def _refusal(error: HTTPException) -> AssayError:
    allow = (error.headers or {}).get("Allow")
    if error.status_code == 405 and allow:
        return MethodNotAllowed(allow)
    if error.status_code == 404 and error.detail == HTTPStatus.NOT_FOUND.phrase:  # nobody's own words
        return RouteNotFound()
    told: Any = error.detail
    return OwnRefusal(error.status_code, told if isinstance(told, str) else msgspec.json.encode(told).decode())


def _faults(told: Any) -> Iterator[Fault]:
    fault, reason = _fault(told), told.get("ctx", {}).get("error")
    if not isinstance(reason, NotTaken):
        yield fault
        return
    for one in reason.refused.faults:  # whose pointers begin at their own question
        yield msgspec.structs.replace(one, pointer=fault.pointer + one.pointer.removeprefix("#"))


def _fault(told: Any) -> Fault:
    where, *parts = [str(part)[:LONGEST_PART] for part in told["loc"]]
    expected = str(told.get("ctx", {}).get("expected", ""))
    allowed = tuple(word.strip(" '") for word in expected.replace(" or ", ",").split(",")) if expected else ()
    pointer = "#" + "".join(f"/{part}" for part in parts) if where == "body" else "/".join(parts)
    code = "missing_feature" if told["type"] == "missing" else "invalid_parameter" if where != "body" else "invalid"
    return Fault(pointer, told["msg"][:1].lower() + told["msg"][1:], code, allowed)
