"""The service's own routes: the files by name, how long each is, how sure the models are of each phrase, and the sweep."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Response
from pydantic import AwareDatetime, BaseModel, Field

from model import files

router = APIRouter()
Name = Annotated[str, Path(description="the file's name, as the list has it")]
Share = Annotated[float | None, Query(ge=0, le=1, description="only what is at least so sure")]
Seconds = Annotated[float | None, Query(ge=0, description="in seconds from the beginning")]


class Confidence(BaseModel):
    """How sure the model is that the phrase is in the second that begins at `time`."""

    utterance: str
    time: int = Field(description="in seconds from the beginning")
    confidence: float


class Told(Confidence):
    """The same with who says it."""

    model: str
    version: int


class File(BaseModel):
    """One recording with the latest confidences; `status` is "waiting" until a model has scored it, "failing" where it could not."""

    file: str
    duration: float = Field(description="in seconds, as `time` is")
    duration_seconds: float = Field(description="the same by its clearer name")
    status: str
    model: str | None = None
    version: int | None = None
    scored_at: str | None = None
    error: str | None = Field(None, description="why there are no confidences; it is tried again")
    confidences: list[Confidence]


class FileByModel(BaseModel):
    """One recording with what each model says of it, side by side."""

    file: str
    duration: float
    duration_seconds: float
    confidences: list[Told]


@router.get("/files", summary="The names of all files")
async def names(
    response: Response,
    limit: Annotated[int, Query(ge=1, le=1000, description="at most so many names")] = 1000,
    after: Annotated[str, Query(description="only names that come after this one")] = "",
) -> list[str]:
    """Sorted by name. Where there are more, the header `Link` has the address of the next page."""
    found = await files.names(limit, after)
    if len(found) == limit:
        following = urlencode({"limit": limit, "after": found[-1]})
        response.headers["link"] = f'</files?{following}>; rel="next"'
    return found


@router.get("/files/{name:path}/confidences", summary="Every model's confidences, side by side")
async def confidences(
    name: Name,
    model: Annotated[str | None, Query(description="of this model only")] = None,
    version: Annotated[int | None, Query(ge=1, description="of this version, answering or not")] = None,
    utterance: Annotated[str | None, Query(description="of this phrase only")] = None,
    min_confidence: Share = None,
    from_s: Seconds = None,
    to_s: Seconds = None,
    as_of: Annotated[AwareDatetime | None, Query(description="as readers were given them at this time")] = None,
) -> FileByModel:
    """Each confidence with the model and the version that made it; all that stand unless narrowed."""
    found = await files.get(name)
    readings = await files.scores(
        name, model=model, version=version, label=utterance, min_confidence=min_confidence, from_s=from_s, to_s=to_s,
        as_of=None if as_of is None else int(as_of.timestamp() * 1e6),
    )  # fmt: skip
    told = [Told(model=one.model, version=one.version, **entry) for one in readings for entry in entries(one)]
    length = round(found.sound.duration_s, 3)
    return FileByModel(file=name, duration=length, duration_seconds=length, confidences=told)


@router.get("/files/{name:path}", summary="One file: its length, and the latest confidences")
async def one_file(name: Name, min_confidence: Share = None) -> File:
    """What the first model says, a complete set of one version."""
    found = await files.get(name)
    readings = await files.scores(name, model=files.models[0].name, min_confidence=min_confidence)
    length = round(found.sound.duration_s, 3)
    told: dict[str, Any] = {"status": "waiting", "confidences": []}
    if readings:
        latest = readings[0]
        told = {"status": "scored", "confidences": entries(latest), "model": latest.model, "version": latest.version,
                "scored_at": moment(latest.at)}  # fmt: skip
    elif failed := await files.failures(name):
        told |= {"status": "failing", "error": failed[0].error}
    return File(file=name, duration=length, duration_seconds=length, **told)


@router.delete("/files/{name:path}", status_code=204, summary="Forget a file")
async def forget(name: Name) -> None:
    """Deletes the file's bytes and all that was said of it."""
    await files.delete(name)


@router.get("/sweep", summary="How far the models are with the files")
async def sweep() -> list[dict[str, Any]]:
    """One entry for each version that answers: of how many files it has scored how many, and how many failed."""
    return [
        {
            "model": one.model, "version": one.version, "files": one.items, "scored": one.scored, "failed": one.failed,
            "began_at": moment(one.began_at), "finished_at": moment(one.finished_at),
        }
        for one in await files.sweep()
    ]  # fmt: skip


def entries(reading: Any) -> list[dict[str, Any]]:
    """The confidences in the service's own words."""
    return [{"utterance": one.label, "time": one.second, "confidence": one.confidence} for one in reading.confidences]


def moment(at: int | None) -> str | None:
    """A time in microseconds as ISO 8601 in UTC."""
    return None if at is None else datetime.fromtimestamp(at / 1e6, UTC).isoformat().replace("+00:00", "Z")
