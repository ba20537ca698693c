"""`train`: a training over HTTP, done in the background; and the names that clients give to what came of one."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Request, Response
from msgspec import Meta
from starlette.concurrency import run_in_threadpool

from assay.app.given.receiving import Receiving
from assay.clock import new_id, now_us
from assay.domain.job import Job
from assay.domain.model import Model
from assay.errors import BodyTooLarge, Fault, QuestionInvalid
from assay.web.control.described import answers
from assay.web.control.jobs import accepted
from assay.web.control.parameters import Parameters, body_as
from assay.web.requests import check_key
from assay.web.uploads import BY

router = APIRouter(tags=["models"])
Label = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f]*$")]


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a request to train; what is left out is as in `assay train`."""

    dataset: str | None = None
    recipes: Annotated[tuple[str, ...], Meta(max_length=100)] = ()
    trials: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    parameters: Annotated[dict[str, Any], Meta(max_length=100)] = {}
    promote: bool = True
    label: Label | None = None


LONGEST_ORDER = 65_536  # it is kept with the job, and told with it
SCHEMAS = msgspec.json.schema_components((Wanted,), ref_template="#/{name}")[1]
ORDER = {"requestBody": {"content": {"application/json": {"schema": SCHEMAS["Wanted"]}}}}


@router.post("/v1/models/{name}/train", openapi_extra=ORDER, **answers("Job", 202))
async def train(request: Request, name: str) -> Response:
    """Queues a training on a named dataset, or on the server's own rows; 202 with the job that does it."""
    Parameters(request)
    assay = request.app.state.assay
    told = request.headers.get("idempotency-key")
    key = None if told is None else f"train:{name}:{check_key(told.encode('latin-1'))}"
    body = await request.body()
    if len(body) > LONGEST_ORDER:
        raise BodyTooLarge(f"An order to train is at most {LONGEST_ORDER:,} bytes long.")
    wanted = body_as(body, Wanted)
    model = await run_in_threadpool(assay.application.model, name)
    check(wanted, model)
    arguments = {**msgspec.structs.asdict(wanted), "recipes": list(wanted.recipes)}
    job = Job(id=new_id(), at=now_us(), verb="train", model=name, key=key, arguments=arguments, by=BY)
    return accepted(await run_in_threadpool(Receiving(assay).order_training, job))


@router.delete("/v1/models/{name}/labels/{label}", **answers("", 204))
async def unlabel(request: Request, name: str, label: str) -> Response:
    """Takes a client's own name off the versions that have it, so that it can be given anew; the versions stay."""
    Parameters(request)
    await run_in_threadpool(request.app.state.assay.versions.unlabel, name, label, BY)
    return Response(status_code=204)


def check(wanted: Wanted, model: Model[Any]) -> None:
    """Raises QuestionInvalid where the model has no such recipe, or parameters belong to no single one."""
    known = tuple(model.recipes)
    faults = [
        Fault("#/recipes", f"{recipe[:80]!r} is no recipe of {model.name!r}", "unknown_recipe", known)
        for recipe in wanted.recipes
        if recipe not in model.recipes
    ]
    if wanted.parameters and len(wanted.recipes) != 1:
        faults.append(Fault("#/parameters", "are for one recipe: name exactly one in `recipes`", "invalid", known))
    if faults:
        raise QuestionInvalid(tuple(faults))
