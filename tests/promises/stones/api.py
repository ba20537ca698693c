"""A route of the application's own, which asks the model as any author would."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body

from model import Stone, stones  # type: ignore[import-not-found]  # an application imports its own model by this name

router = APIRouter()


@router.post("/price")
async def price(stone: Annotated[Stone, Body()]) -> dict[str, Any]:
    """One price, with the id under which it is recorded."""
    answer = await stones.predict(stone)
    return {"price": answer.prediction, "version": answer.version, "prediction_id": answer.id}
