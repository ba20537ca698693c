"""`/v1/outcomes`: the truth about predictions, told when it is known, and told again where it was wrong."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from assay.app.record.telling import Said
from assay.app.record.telling import tell as tell_all
from assay.clock import iso, now_us, parse_iso
from assay.domain.model import NAME
from assay.domain.outcome import About, Outcome
from assay.errors import Fault, QuestionInvalid
from assay.web.control.described import answers
from assay.web.control.parameters import PAGING, Parameters, body_as, documented
from assay.web.control.records import json_response, page_response
from assay.web.process import asked_in

router = APIRouter(tags=["record"])
MAX_TOLD = 10_000
EVER = 2**63 - 1
ONE: dict[str, Any] = {
    "type": "object", "required": ["value"],
    "oneOf": [{"required": ["prediction"]}, {"required": ["model", "entity"]}],
    "properties": {
        "prediction": {"type": "string", "description": "the prediction's id"},
        "model": {"type": "string", "description": "whose last answer about the entity it was, no later than `observed_at`"},
        "entity": {"type": "string", "description": 'instead of a prediction: a feature table\'s name, "/" and the key'},
        "value": {
            "description": "what it should have been, in the target's unit; or the labels that were there",
            "oneOf": [
                {"type": "number"}, {"type": "array", "items": {"type": "string"}},
                {"type": "object", "additionalProperties": {"type": "boolean"}},
            ],
        },
        "observed_at": {"type": "string", "format": "date-time", "description": "when that was so; now, unless told"},
    },
}  # fmt: skip
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"oneOf": [ONE, {"type": "array", "items": ONE, "minItems": 1}]}}},
    }
}


class Given(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One outcome as a client sends it: of a prediction, or of an entity with the model that answered about it."""

    value: float | list[str] | dict[str, bool]
    prediction: str | msgspec.UnsetType = msgspec.UNSET
    model: str | msgspec.UnsetType = msgspec.UNSET
    entity: str | msgspec.UnsetType = msgspec.UNSET
    observed_at: str | None = None


@router.post("/v1/outcomes", openapi_extra=BODY, **answers("Outcome", 201, many="list"))
async def tell(request: Request) -> Response:
    """Keeps what one prediction, or each of a list, should have been; all of them or none. The last that was told counts.

    Instead of a `prediction` a `model` and an `entity` say of which: the last answer about it until `observed_at`.
    """
    Parameters(request)
    sent = _sent(await request.body())
    said = [_said(body, place) for place, body in sent.items()]
    conversation = asked_in.get()
    kept = await run_in_threadpool(tell_all, request.app.state.assay, said, conversation.id if conversation else None)
    response = json_response({"results": [outcome_json(one) for one in kept]})
    response.status_code = 201
    return response


@router.get(
    "/v1/outcomes",
    openapi_extra=documented(
        model="of this model only",
        prediction="about this prediction only",
        entity="of answers about this entity only, such as `users/e337a675`",
    ),
    **answers("Outcome", many="page"),
)
async def outcomes(request: Request) -> Response:
    """Every outcome that was told: filters `model`, `prediction`, `entity`, `since`, `until`; pages by `limit`, `cursor`."""
    told = Parameters(request, *PAGING, "model", "prediction", "entity")
    page = await run_in_threadpool(
        request.app.state.assay.outcomes.page,
        told.window(),
        model=told.text("model"),
        prediction=told.text("prediction"),
        entity=told.text("entity"),
    )
    return page_response(request, page, [outcome_json(one) for one in page.entries])


def outcome_json(found: Outcome) -> dict[str, Any]:
    """An outcome for people and programs."""
    return msgspec.structs.asdict(found) | {"at": iso(found.at), "observed_at": iso(found.observed_at)}


def _sent(body: bytes) -> dict[str, bytes]:
    """What was sent of each outcome, by the pointer to its place."""
    if not body.lstrip().startswith(b"["):
        return {"#": body}
    found = msgspec.json.decode(body, type=list[msgspec.Raw])
    if not 1 <= len(found) <= MAX_TOLD:
        raise QuestionInvalid((Fault("#", f"must have from 1 to {MAX_TOLD} entries", "out_of_range"),))
    return {f"#/{number}": bytes(one) for number, one in enumerate(found)}


def _said(body: bytes, place: str) -> Said:
    try:
        given = body_as(body, Given)
    except QuestionInvalid as wrong:
        moved = (msgspec.structs.replace(fault, pointer=place + fault.pointer[1:]) for fault in wrong.faults)
        raise QuestionInvalid(tuple(moved)) from None
    now = now_us()
    try:
        at = now if given.observed_at is None else parse_iso(given.observed_at)
    except (ValueError, OverflowError):
        fault = Fault(f"{place}/observed_at", "must be a time such as 2026-03-03T12:00:00Z")
        raise QuestionInvalid((fault,)) from None
    if not 0 <= at <= now:
        said = "must be a time from 1970 until now"
        raise QuestionInvalid((Fault(f"{place}/observed_at", said, "out_of_range"),))
    # an answer of this moment may be of a host whose clock is ahead
    until = EVER if given.observed_at is None else at
    return Said(place=place, of=_of(given, place, until), value=given.value, observed_at=at)


def _of(given: Given, place: str, until: int) -> str | About:
    """Of what it is said: of a prediction, or of an entity; raises QuestionInvalid where it is neither, or both."""
    told = {
        name: one for name in ("prediction", "entity", "model") if (one := getattr(given, name)) is not msgspec.UNSET
    }
    if "prediction" in told:
        beside = next((name for name in told if name != "prediction"), None)
        if beside is not None:
            said = "must not stand beside `prediction`, which says all of it"
            raise QuestionInvalid((Fault(f"{place}/{beside}", said),))
        return str(told["prediction"])
    if "entity" not in told:
        raise QuestionInvalid((Fault(place, "must name a `prediction`, or an `entity` with its `model`"),))
    if not NAME.fullmatch(told.get("model", "")):
        raise QuestionInvalid((Fault(f"{place}/model", "must name the model that answered about the entity"),))
    return About(told["model"], told["entity"], until)
