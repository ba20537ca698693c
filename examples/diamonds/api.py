"""The web team's own routes: a price, stones like it, and the log of every exchange."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

import older
from model import Stone, price

router = APIRouter()
router.include_router(older.router)


class Price(BaseModel):
    """What a stone is worth, and who says so."""

    price: float = Field(description="in US dollars")
    currency: str = "USD"
    version: int = Field(description="the version of the model that answered")
    prediction_id: str


class Like(BaseModel):
    """Which stones are asked for: equal in cut, color and clarity, the nearest in weight first."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"cut": "Ideal", "color": "E", "clarity": "VVS1", "weight": 1.0, "n_samples": 5}},
    )

    cut: str
    color: str
    clarity: str
    weight: float = Field(
        validation_alias=AliasChoices("weight", "carat"), description="in carats; also accepted as `carat`"
    )
    n_samples: int = Field(5, ge=1, le=1000)


@router.post("/predict", summary="Predict the value of a diamond")
async def predict(stone: Stone) -> Price:
    """The price of one stone in dollars, by the best version there is."""
    answer = await price.predict(stone)
    return Price(price=answer.prediction, version=answer.version, prediction_id=answer.id)


@router.post("/samples", summary="Stones of the training data that are like yours")
async def samples(like: Like) -> list[dict[str, Any]]:
    """At most `n_samples` stones that the answering version has learnt from."""
    wanted = {"cut": like.cut, "color": like.color, "clarity": like.clarity, "carat": like.weight}
    return await price.similar(wanted, like.n_samples)


@router.get("/logs", summary="Every request and response")
async def logs(
    request: Request,
    endpoint: str | None = Query(None, description="this address only"),
    limit: int = Query(100, ge=1, le=1000, description="at most so many entries"),
    cursor: str | None = Query(None, description="the id of the last entry seen"),
) -> list[dict[str, Any]]:
    """The newest first; `endpoint` keeps one address, `cursor` is the id of the last entry seen."""
    page = await run_in_threadpool(request.app.state.assay.log, path=endpoint, limit=limit, before=cursor)
    return [
        {
            "id": one.id, "endpoint": one.path, "request": one.request_text, "response": one.response_text,
            "timestamp": one.timestamp, "status": one.status, "method": one.method, "took_ms": one.took_us / 1000,
        }
        for one in page
    ]  # fmt: skip
