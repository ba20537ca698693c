"""`watch`: a version is held against the control set in the background, on a client's word."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from assay.app import Assay
from assay.app.watching.looking import order
from assay.clock import new_id, now_us
from assay.domain.job import Job
from assay.errors import RouteNotFound
from assay.web.control.described import answers
from assay.web.control.jobs import accepted
from assay.web.control.parameters import Parameters, documented
from assay.web.requests import check_key
from assay.web.uploads import BY

router = APIRouter(tags=["releases"])


@router.post(
    "/v1/models/{name}/watch", openapi_extra=documented(version="this version, and not those that answer"),
    **answers("Job", 202),
)  # fmt: skip
async def watch(request: Request, name: str) -> Response:
    """Queues a look at the versions that answer, or at `version`, on the control set; 202 with the job that does it."""
    number = Parameters(request, "version").whole("version", low=1, high=10**9)
    told = request.headers.get("idempotency-key")
    key = None if told is None else f"watch:{name}:{check_key(told.encode('latin-1'))}"
    arguments = {} if number is None else {"version": number}
    job = Job(id=new_id(), at=now_us(), verb="watch", model=name, key=key, arguments=arguments, by=BY)
    return accepted(await run_in_threadpool(_order, request.app.state.assay, job))


def _order(assay: Assay, job: Job) -> Job:
    name: Any = job.model
    model = assay.application.model(name)
    if not model.labels:
        raise RouteNotFound(f"The model {name!r} answers with a number: it has no control set.")
    assay.version(name, job.arguments.get("version"))  # that there is one
    return order(assay, job)
