"""`/v1/jobs`: what is done in the background, how far it is and what came of it; canceled, or tried again."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from assay.clock import iso, ticks_us
from assay.domain.job import STATES, Job
from assay.errors import ApplicationInvalid, ArtifactRejected, ModelFailed, ParameterInvalid
from assay.store.work.leases import BESIDE
from assay.web.control.described import answers
from assay.web.control.parameters import PAGING, Parameters, documented
from assay.web.control.records import json_response, page_response
from assay.web.process import Process

router = APIRouter(tags=["jobs"])
LONGEST_WAIT_S = 60
LOOK_S = 0.25
BY = "HTTP"
ADDRESS = "/v1/jobs"
FOLDERS = re.compile(r"(?:sqlite:/*)?(?<![\w.])(?:/[^\s/:'\"]+)*/(?=[^\s/:'\"])")
# What these say may be an author's own text, which is for `assay jobs` and not for the network.
PRIVATE = {kind.code: (kind.__doc__ or "").strip() for kind in (ApplicationInvalid, ArtifactRejected, ModelFailed)} | {
    "internal": "The job failed; `assay jobs` tells the operator why."
}
WAITING: dict[str, Any] = {
    "parameters": [
        {
            "name": "wait", "in": "query", "schema": {"type": "integer", "minimum": 0, "maximum": LONGEST_WAIT_S},
            "description": "answer when the job has ended, or after so many seconds (0)",
        }
    ]
}  # fmt: skip


@router.get(
    ADDRESS,
    openapi_extra=documented(state="in this state only", verb="of this verb only", model="for this model only"),
    **answers("Job", many="page"),
)
async def all_jobs(request: Request) -> Response:
    """Every job, the newest first: filters `state`, `verb`, `model`, `since`, `until`; paging by `limit` and `cursor`."""
    told = Parameters(request, *PAGING, "state", "verb", "model")
    state = told.text("state")
    if state is not None and state not in STATES:
        raise ParameterInvalid("state", f"must be one of {', '.join(STATES)}")
    page = await run_in_threadpool(
        request.app.state.assay.jobs.page, told.window(), state=state, verb=told.text("verb"), model=told.text("model")
    )
    return page_response(request, page, [job_json(one) for one in page.entries])


@router.get("/v1/jobs/{id}", openapi_extra=WAITING, **answers("Job"))
async def one_job(request: Request, id: str) -> Response:
    """One job: how far it is, the end of its log, and what came of it; `wait` says how long to wait for its end."""
    wait_s = Parameters(request, "wait").whole("wait", low=0, high=LONGEST_WAIT_S) or 0
    process: Process = request.app.state.process
    until = ticks_us() + wait_s * 1_000_000
    job = await run_in_threadpool(process.assay.jobs.find, id)
    while not job.ended and ticks_us() < until and not process.draining:
        await asyncio.sleep(LOOK_S)
        job = await run_in_threadpool(process.assay.jobs.find, id)
    return json_response(job_json(job), {} if job.ended else {"retry-after": "1"})


@router.post("/v1/jobs/{id}/cancel", **answers("Job", 200, 202))
async def cancel(request: Request, id: str) -> Response:
    """Cancels a job: a queued one at once (200), a running one as soon as its worker has ended it (202)."""
    Parameters(request)
    job = await run_in_threadpool(request.app.state.assay.jobs.cancel, id, BY)
    return json_response(job_json(job)) if job.ended else accepted(job)


@router.delete("/v1/jobs/{id}", **answers("Job", 200, 202))
async def delete(request: Request, id: str) -> Response:
    """Cancels a job, as POST to `cancel` does; it stays in the list."""
    return await cancel(request, id)


@router.post("/v1/jobs/{id}/retry", **answers("Job", 202))
async def retry(request: Request, id: str) -> Response:
    """Queues a job again that failed or was canceled, with all its attempts."""
    Parameters(request)
    return accepted(await run_in_threadpool(request.app.state.assay.jobs.retry, id, BY))


def accepted(job: Job) -> Response:
    """202 for a job that was queued: where to ask for it, and after how many seconds."""
    body = job_json(job) | {"task_id": job.id, "status": job.state}
    headers = {"cache-control": "no-store", "location": _address(job), "retry-after": "1"}
    return Response(msgspec.json.encode(body), 202, headers, "application/json")


def job_json(job: Job) -> dict[str, Any]:
    """A job for people and programs; what its process said beside its reports is for operators only."""
    shown = [without_folders(line) for line in job.log.splitlines() if not line.startswith(BESIDE)]
    said = PRIVATE.get(job.code) or without_folders(job.error)
    error = {"code": job.code, "detail": said} if job.code or job.error else None
    return {
        "id": job.id, "verb": job.verb, "model": job.model, "state": job.state, "attempts": job.attempts,
        "max_attempts": job.max_attempts, "cancel_requested": job.cancel_requested,
        "progress": {"stage": job.stage, "done": job.done, "total": job.total}, "created_at": iso(job.at),
        "started_at": _moment(job.started_at), "finished_at": _moment(job.finished_at), "arguments": job.arguments,
        "result": job.result, "error": error, "log": "\n".join(shown), "links": {"self": _address(job)},
    }  # fmt: skip


def without_folders(said: str) -> str:
    """A sentence in which each path is only its last part: where things lie on the server is nobody's business."""
    return FOLDERS.sub("", said)


def _address(job: Job) -> str:
    return f"{ADDRESS}/{job.id}"


def _moment(at: int | None) -> str | None:
    return None if at is None else iso(at)
