"""The team's own routes: whether the service lives, and what a user is interested in."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field

from model import INTERESTS, interests, users

TOP_K = 15  # unless a client asks for another number
router = APIRouter()
Least = Annotated[float | None, Query(ge=0, le=1, description="only interests that are at least so probable")]


class Interest(BaseModel):
    """One interest; its id never changes."""

    id: str
    label: str
    probability: float = Field(description="how probable it is by itself, from 0 to 1; those of a user have no sum")


class Interests(BaseModel):
    """A user's interests, the most probable first."""

    user_handle: str
    interests: list[Interest]
    name: str
    type: str = Field(description="B2B or B2C")


@router.get("/", summary="Whether the service lives")
async def health() -> dict[str, str]:
    """Says so."""
    return {"status": "healthy"}


@router.get("/interests/{user_handle}", summary="What a user is interested in", response_model=Interests)
async def interests_of(
    user_handle: Annotated[str, Path(description="the user's UUID")],
    top_k: Annotated[int, Query(ge=1, description="at most so many, and never more than there are")] = TOP_K,
    min_probability: Least = None,
    probability: Annotated[Least, Query(description="the same as min_probability")] = None,
    threshold: Annotated[Least, Query(description="the same as min_probability")] = None,
    probability_threshold: Annotated[Least, Query(description="the same as min_probability")] = None,
) -> Response:
    """The most probable interests, of those that are probable enough; the answer is recorded with what it was given for."""
    user = await users.find(user_handle)
    answer = await interests.predict_for(user)
    least = max(one or 0.0 for one in (min_probability, probability, threshold, probability_threshold))
    sure = answer.prediction
    ranked = [label for label in sorted(sure, key=sure.__getitem__, reverse=True)[:top_k] if sure[label] >= least]
    told = {
        "user_handle": user.key,
        "interests": [{"id": INTERESTS[label], "label": label, "probability": sure[label]} for label in ranked],
        "name": user.values["name"],
        "type": user.values["type"],
    }
    return Response(msgspec.json.encode(told), media_type="application/json")
