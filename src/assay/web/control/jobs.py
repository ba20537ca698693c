"""`/v1/jobs`: what is done in the background, how far it is and what came of it; canceled, or tried again."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from assay.domain.job import STATES, Job
from assay.errors import ParameterInvalid
from assay.web.control.described import answers
from assay.web.control.parameters import PAGING, Parameters, documented
from assay.web.control.records import json_response, page_response
from assay.web.process import Process
from assay.web.tasks.preferring import LONGEST_WAIT_S
from assay.web.tasks.told import ADDRESS, accepted_json, address_of, job_json

__all__ = ["accepted", "job_json", "router"]  # the control plane's words for jobs, from one place

router = APIRouter(tags=["jobs"])
BY = "HTTP"
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
    openapi_extra=documented(
        state="in these states only, separated by commas", verb="of this verb only", model="for this model only"
    ),
    **answers("Job", many="page"),
)
async def all_jobs(request: Request) -> Response:
    """Every job, the newest first: filters `state`, `verb`, `model`, `since`, `until`; paging by `limit` and `cursor`."""
    told = Parameters(request, *PAGING, "state", "verb", "model")
    state = told.text("state")
    if state is not None and not set(state.split(",")) <= set(STATES):
        raise ParameterInvalid("state", f"must be one or several of {', '.join(STATES)}, separated by commas")
    page = await run_in_threadpool(
        request.app.state.assay.jobs.page, told.window(), state=state, verb=told.text("verb"), model=told.text("model")
    )
    return page_response(request, page, [job_json(one) for one in page.entries])


@router.get("/v1/jobs/{id}", openapi_extra=WAITING, **answers("Job"))
async def one_job(request: Request, id: str) -> Response:
    """One job: how far it is, the end of its log, and what came of it; `wait` says how long to wait for its end."""
    wait_s = Parameters(request, "wait").whole("wait", low=0, high=LONGEST_WAIT_S) or 0
    process: Process = request.app.state.process
    job = await process.desk.ended(id, wait_s)
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
    headers = {"cache-control": "no-store", "location": address_of(job.id), "retry-after": "1"}
    return Response(accepted_json(job), 202, headers, "application/json")
