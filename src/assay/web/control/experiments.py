"""`/v1/models/{name}/experiment`: several versions answer, each its share; what came of it so far."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Request, Response
from msgspec import Meta
from starlette.concurrency import run_in_threadpool

from assay.app import Assay
from assay.app.experiments.comparing import in_json
from assay.domain.releases.rollout import Arm, Mode, Rollout
from assay.errors import BodyTooLarge, ModelNotFound
from assay.releasing.experiment import Plan
from assay.web.control.described import answers
from assay.web.control.models import rollout_json
from assay.web.control.parameters import Parameters, WantedT, body_as
from assay.web.control.records import json_response
from assay.web.uploads import BY

router = APIRouter(tags=["releases"])
LONGEST_PLAN = 65_536
Number = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Reason = Annotated[str, Meta(max_length=500, pattern=r"^[^\x00-\x1f]*$")]


class ToldArm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One arm of a plan."""

    version: Number
    share: float


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body that starts an experiment."""

    arms: Annotated[tuple[ToldArm, ...], Meta(max_length=100)] = ()
    shadows: Annotated[tuple[Number, ...], Meta(max_length=100)] = ()
    mode: Mode = "split"
    name: str | None = None
    reason: Reason = ""


class Changed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body that changes one: what is left out stays as it is."""

    arms: Annotated[tuple[ToldArm, ...], Meta(max_length=100)] = ()
    shadows: Annotated[tuple[Number, ...], Meta(max_length=100)] | None = None
    reason: Reason = ""


SCHEMAS = msgspec.json.schema_components((Wanted, Changed), ref_template="#/{name}")[1]


def _body(name: str) -> dict[str, Any]:
    """A body as OpenAPI describes it, its arms in place: the document has no schema of what is only told."""
    told = SCHEMAS[name]
    arms = told["properties"]["arms"] | {"items": SCHEMAS[ToldArm.__name__]}
    schema = told | {"properties": told["properties"] | {"arms": arms}}
    return {"requestBody": {"content": {"application/json": {"schema": schema}}}}


@router.get("/v1/models/{name}/experiment", **answers("Experiment"))
async def experiment(request: Request, name: str) -> Response:
    """What came of the experiment that runs, or ran last, or of the one named `experiment`, since its shares are as they are."""
    wanted = Parameters(request, "experiment").text("experiment")
    assay: Assay = request.app.state.assay
    await run_in_threadpool(_known, assay, name)
    return json_response(await run_in_threadpool(in_json, assay, name, wanted))


@router.post("/v1/models/{name}/experiment", openapi_extra=_body("Wanted"), **answers("Rollout", 201))
async def start(request: Request, name: str) -> Response:
    """Starts an experiment: 201 with the decision, once every process has all arms ready; 409 while another one runs."""
    assay, wanted = await _asked(request, name, Wanted)
    plan = Plan(name=wanted.name, mode=wanted.mode, arms=_arms(wanted.arms), shadows=wanted.shadows)
    return _decided(await run_in_threadpool(assay.experimenter.start, name, plan, by=BY, reason=wanted.reason), 201)


@router.patch("/v1/models/{name}/experiment", openapi_extra=_body("Changed"), **answers("Rollout"))
async def change(request: Request, name: str) -> Response:
    """Gives the arms of the running experiment other shares, or it other shadows; only subjects between the boundaries move."""
    assay, wanted = await _asked(request, name, Changed)
    changing = assay.experimenter.change
    arms = _arms(wanted.arms)
    return _decided(await run_in_threadpool(changing, name, arms, wanted.shadows, by=BY, reason=wanted.reason))


@router.delete("/v1/models/{name}/experiment", **answers("Rollout"))
async def stop(request: Request, name: str) -> Response:
    """Stops the running experiment: the main version, or the `winner`, answers alone from now on."""
    parameters = Parameters(request, "winner", "reason")
    winner, reason = parameters.whole("winner", low=1, high=2**31 - 1), parameters.text("reason")
    assay: Assay = request.app.state.assay
    await run_in_threadpool(_known, assay, name)
    stopping = assay.experimenter.stop
    return _decided(await run_in_threadpool(stopping, name, winner=winner, by=BY, reason=(reason or "")[:500]))


async def _asked(request: Request, name: str, kind: type[WantedT]) -> tuple[Assay, WantedT]:
    Parameters(request)
    body = await request.body()
    if len(body) > LONGEST_PLAN:
        raise BodyTooLarge(f"A plan of an experiment is at most {LONGEST_PLAN:,} bytes long.")
    assay: Assay = request.app.state.assay
    await run_in_threadpool(_known, assay, name)
    return assay, body_as(body, kind)


def _known(assay: Assay, name: str) -> None:
    if name not in assay.versions.models():
        raise ModelNotFound(name)


def _arms(arms: tuple[ToldArm, ...]) -> tuple[Arm, ...]:
    return tuple(Arm(version=arm.version, share=arm.share) for arm in arms)


def _decided(rollout: Rollout, status: int = 200) -> Response:
    response = json_response(rollout_json(rollout))
    response.status_code = status
    return response
