"""`/v1/models/{name}/rollout`, `/v1/verdicts` and `/v1/audit`: who answers or answered, what was found, and who changed what."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from assay.app import Assay
from assay.clock import iso
from assay.domain.releases.verdict import Kind, Outcome, Verdict
from assay.errors import ModelNotFound, ParameterInvalid, RouteNotFound
from assay.store.audit import Action
from assay.web.control import experiments
from assay.web.control.described import answers
from assay.web.control.parameters import PAGING, Parameters, documented
from assay.web.control.records import json_response, page_response

router = APIRouter(tags=["releases"], routes=experiments.router.routes)
AT: dict[str, Any] = {
    "parameters": [
        {
            "name": "at", "in": "query", "schema": {"type": "string"},
            "description": "who answered at this time (ISO 8601 with a zone)",
        }
    ]
}  # fmt: skip


@router.get("/v1/models/{name}/rollout", openapi_extra=AT, **answers("Ruling"))
async def rollout(request: Request, name: str) -> Response:
    """Who answers for the model, or answered at a time: since when, by whose decision, why, and on which verdict."""
    at = Parameters(request, "at").moment("at")
    return json_response(await run_in_threadpool(_rollout, request.app.state.assay, name, at))


@router.get(
    "/v1/models/{name}/verdicts",
    openapi_extra=documented(
        version="on this version only", kind=f"of this kind only: {', '.join(get_args(Kind))}",
        outcome=f"of this outcome only: {', '.join(get_args(Outcome))}",
    ),
    **answers("Verdict", many="page"),
)  # fmt: skip
async def verdicts(request: Request, name: str) -> Response:
    """Every verdict on the model, the newest first: filters `version`, `kind`, `outcome`; paging by `limit` and `cursor`."""
    told = Parameters(request, *PAGING, "version", "kind", "outcome")
    chosen = {word: told.text(word) for word in ("kind", "outcome")}
    for word, known in (("kind", get_args(Kind)), ("outcome", get_args(Outcome))):
        if chosen[word] is not None and chosen[word] not in known:
            raise ParameterInvalid(word, f"must be one of {', '.join(known)}")
    assay: Assay = request.app.state.assay
    asked, number = told.window(), told.whole("version", low=1, high=10**9)
    page = await run_in_threadpool(assay.verdicts.window, asked, name, version=number, **chosen)
    if not page.entries and name not in await run_in_threadpool(assay.versions.models):
        raise ModelNotFound(name)
    return page_response(request, page, [verdict_json(one) for one in page.entries])


@router.get("/v1/verdicts/{id}", **answers("Verdict"))
async def verdict(request: Request, id: str) -> Response:
    """One verdict with its checks and the evidence."""
    Parameters(request)
    found = await run_in_threadpool(request.app.state.assay.verdicts.find, id)
    if found is None:
        raise RouteNotFound("There is no verdict of this id.")
    return json_response(verdict_json(found))


@router.get(
    "/v1/audit", openapi_extra=documented(action="of this kind only", subject="on this subject only"),
    **answers("Action", many="page"),
)  # fmt: skip
async def audit(request: Request) -> Response:
    """Every change of what is served or kept, the newest first: filters `action`, `subject`, `since`, `until`."""
    told = Parameters(request, *PAGING, "action", "subject")
    page = await run_in_threadpool(
        request.app.state.assay.audit.page, told.window(), action=told.text("action"), subject=told.text("subject")
    )
    return page_response(request, page, [action_json(one) for one in page.entries])


def _rollout(assay: Assay, name: str, at: int | None) -> dict[str, Any]:
    found = assay.rollouts.ruling(name) if at is None else assay.rollouts.at(name, at)
    if found is None:
        if name not in assay.versions.models():
            raise ModelNotFound(name)
        raise RouteNotFound(f"No version of {name!r} answers yet, or answered at that time.")
    verdict = assay.verdicts.behind(name, found.version, found.at)
    return {
        "model": name, "champion": found.version, "since": iso(found.at), "previous": found.previous, "by": found.by,
        "reason": found.reason, "verdict": verdict.id if verdict else None, "experiment": found.experiment,
        "arms": msgspec.to_builtins(found.arms), "shadows": list(found.shadows),
    }  # fmt: skip


def verdict_json(found: Verdict) -> dict[str, Any]:
    """A verdict in full."""
    return msgspec.structs.asdict(found) | {"at": iso(found.at)}


def action_json(found: Action) -> dict[str, Any]:
    """A change in full."""
    return msgspec.structs.asdict(found) | {"at": iso(found.at)}
