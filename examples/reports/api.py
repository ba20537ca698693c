"""The moderators' own routes: reports are taken at once, scored in the background, and asked for by the id of their task."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query, Request, Response
from pydantic import BaseModel, Field

from model import Report, relevance

router = APIRouter()
STATUS = {"succeeded": "SUCCESS", "failed": "FAILURE", "canceled": "REVOKED", "expired": "FAILURE"}
UNDONE = "Processing"
Status = Literal["SUCCESS", "FAILURE", "REVOKED", "Processing"]
STATES = {UNDONE: "queued,running", "FAILURE": "failed,expired", "SUCCESS": "succeeded", "REVOKED": "canceled"}


class Accepted(BaseModel):
    """A task that was taken; its reports are safe whatever happens."""

    task_id: str
    status: str


class Scores(Accepted):
    """A task, and once it is done the scores in the order of its reports: 0 matters least, 1 most."""

    score: list[float] = Field(default_factory=list)
    error: str | None = None


@router.post("/prediction", status_code=202, summary="Send reports to be scored")
@router.post("/predict", status_code=202, include_in_schema=False)
@router.post("/submit", status_code=202, include_in_schema=False)
async def submit(
    reports: Annotated[list[Report], Body(min_length=1, max_length=10_000)], response: Response
) -> Accepted:
    """Answers at once. The scores are at `/task/{task_id}` a little later, usually within a second."""
    task = await relevance.submit(reports)
    response.headers["location"] = f"/task/{task.id}"
    response.headers["retry-after"] = "1"
    return Accepted(task_id=task.id, status=UNDONE)


@router.get("/task/{task_id}", summary="The scores of a task")
async def scores(
    task_id: str,
    response: Response,
    wait: Annotated[int, Query(ge=0, le=60, description="answer when it is done, or after so many seconds")] = 0,
) -> Scores:
    """200 with the scores once it is done, 202 before; asking again changes nothing."""
    task = await relevance.task(task_id, wait_s=wait)
    if not task.ended:
        response.status_code = 202
        response.headers["retry-after"] = "1"
        return Scores(task_id=task.id, status=UNDONE)
    found = [one.prediction["relevant"] for one in task.predictions]
    return Scores(task_id=task.id, status=STATUS[task.state], score=found, error=task.error or None)


@router.get("/tasks", summary="All tasks, the newest first")
async def tasks(
    request: Request,
    status: Annotated[Status | None, Query(description="only these")] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="at most so many")] = 100,
    cursor: Annotated[str | None, Query(description="`next_cursor` of the page before")] = None,
) -> dict[str, Any]:
    """Those done and those that wait, page by page."""
    narrowed: dict[str, Any] = {} if cursor is None else {"cursor": cursor}
    if status is not None:
        narrowed["state"] = STATES[status]
    found = await request.app.state.ask("GET", "/v1/jobs", verb="predict", limit=limit, **narrowed)
    told = [
        {
            "task_id": one["id"], "status": STATUS.get(one["state"], UNDONE), "reports": one["progress"]["total"],
            "created_at": one["created_at"], "finished_at": one["finished_at"],
        }
        for one in found["results"]
    ]  # fmt: skip
    return {"tasks": told, "next_cursor": found["next_cursor"]}


@router.get("/heartbeat", summary="Whether the service answers")
async def heartbeat() -> dict[str, str]:
    """A sign of life."""
    return {"message": "Service Ok"}
