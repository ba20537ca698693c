"""`/v1/items/{collection}/{name}/scores` and `…/history`: what was said of an item, by which version, and when."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from assay.app.items import reading
from assay.clock import iso
from assay.domain.items.collection import GREATEST, Wanted
from assay.domain.items.score import Score
from assay.errors import ParameterInvalid
from assay.store.paging import MAX_LIMIT, Window
from assay.web.control.described import answers
from assay.web.control.kept.told import failure_json, made_json
from assay.web.control.parameters import Parameters
from assay.web.control.records import page_response

router = APIRouter(tags=["items"])
ALL = "all"
SCORES: dict[str, tuple[str, str]] = {
    "model": ("string", "by this model only"),
    "version": ("string", "the newest set of this version, or of `all`, whether it stands or not"),
    "run": ("integer", "of this run only, a slot's beginning in microseconds"),
    "label": ("string", "of this label only"),
    "min_confidence": ("number", "only what is at least so sure, 0 to 1"),
    "from_s": ("number", "only seconds from this one on"),
    "to_s": ("number", "only seconds before this one"),
    "as_of": ("string", "what stood at this time (ISO 8601 with a zone)"),
    "limit": ("integer", f"at most so many sets, 1 to {MAX_LIMIT} (100)"),
    "cursor": ("string", "`next_cursor` of the page before"),
}
HISTORY = ("model", "limit", "cursor", "since", "until")
WHEN = {"since": ("string", "not before this time"), "until": ("string", "before this time")}


def _described(told: dict[str, tuple[str, str]]) -> dict[str, Any]:
    found = [
        {"name": name, "in": "query", "description": text, "schema": {"type": kind}}
        for name, (kind, text) in told.items()
    ]
    return {"parameters": found}


@router.get("/v1/items/{collection}/{name:path}/scores", openapi_extra=_described(SCORES), **answers("ItemScores"))
async def scores(request: Request, collection: str, name: str) -> Response:
    """The confidences that stand, one set a model, each complete and of one version: filters, times and other versions."""
    told = Parameters(request, *SCORES)
    wanted, every = _wanted(told)
    run = told.whole("run", low=0, high=10**18 - 1)
    asked = Window(limit=told.whole("limit", low=1, high=MAX_LIMIT) or 100, cursor=told.text("cursor"))
    if wanted["as_of"] is not None and (every or wanted["version"] is not None or run is not None):
        raise ParameterInvalid("as_of", "cannot be said together with version or run")
    return await run_in_threadpool(_scores, request, (collection, name), wanted, asked, run=run, every=every)


@router.get(
    "/v1/items/{collection}/{name:path}/history",
    openapi_extra=_described({name: SCORES.get(name) or WHEN[name] for name in HISTORY}),
    **answers("Made", many="page"),
)
async def history(request: Request, collection: str, name: str) -> Response:
    """Every set that was made of whatever had the name, in brief, the newest first: filters `model`, `since`, `until`."""
    told = Parameters(request, *HISTORY)
    return await run_in_threadpool(_history, request, (collection, name), told.window(), told.text("model"))


def _wanted(told: Parameters) -> tuple[Wanted, bool]:
    """What is asked for, and whether that is every version; raises ParameterInvalid."""
    from_s, to_s = (told.number(name, low=0, high=GREATEST) for name in ("from_s", "to_s"))
    if from_s is not None and to_s is not None and from_s >= to_s:
        raise ParameterInvalid("to_s", "must be greater than from_s")
    every = told.text("version") == ALL
    wanted = Wanted(
        model=told.text("model"), version=None if every else told.whole("version", low=1, high=GREATEST),
        label=told.text("label"), min_confidence=told.number("min_confidence", low=0, high=1), from_s=from_s, to_s=to_s,
        as_of=told.moment("as_of"),
    )  # fmt: skip
    return wanted, every


def _scores(
    request: Request, named: tuple[str, str], wanted: Wanted, asked: Window, *, run: int | None, every: bool
) -> Response:
    assay = request.app.state.assay
    collection = assay.application.collection(named[0])
    if every:
        told = reading.tell_all(assay, collection, named[1], wanted)
    else:
        told = reading.tell(assay, collection, named[1], wanted, run)
    page = reading.part(told.sets, asked)
    item = told.item
    return page_response(
        request, page, [set_json(one, wanted, told.decisions.get(one.id)) for one in page.entries], name=item.name,
        collection=item.collection, item=item.id, digest=item.digest, duration=int(item.sound.duration_s),
        duration_seconds=item.sound.duration_s, status=told.status, failing=[failure_json(one) for one in told.failures],
    )  # fmt: skip


def _history(request: Request, named: tuple[str, str], asked: Window, model: str | None) -> Response:
    assay = request.app.state.assay
    collection = assay.application.collection(named[0])
    page, standing = reading.history(assay, collection, named[1], asked, model)
    return page_response(request, page, [made_json(one, stands=one.id in standing) for one in page.entries])


def set_json(found: Score, wanted: Wanted, decision: int | None) -> dict[str, Any]:
    """A set for people and programs, narrowed to what is asked for."""
    return {
        "model": found.model, "version": found.version, "run": found.run, "decision": decision,
        "scored_at": iso(found.at), "took_ms": found.took_us / 1000, "seconds": found.seconds, "labels": found.labels,
        "confidences": reading.confidences_of(found, wanted),
    }  # fmt: skip
