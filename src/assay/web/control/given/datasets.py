"""`/v1/datasets`: rows that clients give, under a name; and the snapshots that the versions of a model have learnt from."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from assay.app.given.receiving import Receiving
from assay.clock import iso
from assay.domain.dataset import Dataset
from assay.domain.given.upload import TYPES, NamedDataset, Upload
from assay.errors import DatasetNotFound, ModelNotFound
from assay.web.control.described import answers
from assay.web.control.parameters import PAGING, Parameters, body_as, documented
from assay.web.control.records import json_response, page_response
from assay.web.uploads import BY, appended_json

router = APIRouter(tags=["datasets"])
BRIEF = ("id", "source", "rows", "fresh", "removed", "held_out", "duplicates", "parts", "parent")
FILE = {"schema": {"type": "string", "format": "binary"}}
ROWS = {"schema": {"type": "array", "items": {"type": "object"}, "minItems": 1}}
SENT = {"requestBody": {"required": True, "content": {"application/json": ROWS} | dict.fromkeys(TYPES, FILE)}}
MADE: dict[str, Any] = {
    "requestBody": {
        "content": {"application/json": {"schema": {"type": "object", "properties": {"model": {"type": "string"}}}}}
    }
}


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a request that makes a dataset."""

    model: str | None = None


@router.get("/v1/datasets", openapi_extra=documented(), **answers("NamedDataset", many="page"))
async def all_datasets(request: Request) -> Response:
    """Every named dataset, the newest first; paging by `limit` and `cursor`."""
    told = Parameters(request, *PAGING)
    page = await run_in_threadpool(request.app.state.assay.uploads.page, told.window())
    return page_response(request, page, [dataset_json(one) for one in page.entries])


@router.put("/v1/datasets/{name}", openapi_extra=MADE, **answers("NamedDataset", 201, 200))
async def create(request: Request, name: str) -> Response:
    """Makes an empty dataset for `model` (201), or says what there is (200)."""
    Parameters(request)
    wanted = body_as(await request.body(), Wanted)
    receiving = Receiving(request.app.state.assay)
    found, new = await run_in_threadpool(receiving.create, name, wanted.model, BY)
    response = json_response(dataset_json(found), {"location": f"/v1/datasets/{name}"} if new else {})
    response.status_code = 201 if new else 200
    return response


@router.get("/v1/datasets/{name}", **answers("NamedDataset"))
async def one_dataset(request: Request, name: str) -> Response:
    """One dataset with its parts, in the order in which they came."""
    Parameters(request)
    held = request.app.state.assay.uploads
    found = await run_in_threadpool(held.find, name)
    parts = await run_in_threadpool(held.parts, name)
    return json_response(dataset_json(found) | {"parts": [upload_json(one) for one in parts]})


@router.post("/v1/datasets/{name}/rows", openapi_extra=SENT, **answers("Appended", 201, 200))
async def append(request: Request, name: str) -> Response:
    """Appends rows: a JSON list of objects, all or none of them, or a CSV, Parquet or JSON-Lines file, streamed."""
    Parameters(request)  # a file does not come here: the door streams it
    assay = request.app.state.assay
    found = await run_in_threadpool(assay.uploads.find, name)
    upload, new = await run_in_threadpool(Receiving(assay).append, found, await request.body(), BY)
    response = json_response(appended_json(upload, new=new))
    response.status_code = 201 if new else 200
    return response


@router.delete("/v1/datasets/{name}", **answers("", 204))
async def delete(request: Request, name: str) -> Response:
    """Deletes a dataset with its files; the snapshots that versions have learnt from stay as they are."""
    Parameters(request)
    await run_in_threadpool(Receiving(request.app.state.assay).delete, name, BY)
    return Response(status_code=204)


@router.get("/v1/models/{name}/datasets", **answers("Snapshot", many="list"))
async def snapshots(request: Request, name: str) -> Response:
    """Every snapshot that versions of the model have learnt from, the newest first."""
    Parameters(request)
    found = await run_in_threadpool(request.app.state.assay.datasets.all, name)
    if not found:
        raise ModelNotFound(name)
    return json_response({"results": [snapshot_json(one) for one in found]})


@router.get("/v1/models/{name}/datasets/{id}", **answers("Snapshot"))
async def snapshot(request: Request, name: str, id: str) -> Response:
    """One snapshot with its columns and its profile."""
    Parameters(request)
    found = await run_in_threadpool(request.app.state.assay.datasets.find, name, id)
    if found is None:
        raise DatasetNotFound(id)
    return json_response(snapshot_json(found) | {"columns": found.columns, "profile": found.profile})


def dataset_json(found: NamedDataset) -> dict[str, Any]:
    """A named dataset in brief."""
    return {
        "name": found.name, "model": found.model, "created_at": iso(found.at), "rows": found.rows, "removed": found.removed,
    }  # fmt: skip


def upload_json(found: Upload) -> dict[str, Any]:
    """One part of a named dataset."""
    told = msgspec.structs.asdict(found)
    del told["dataset"]
    return {"upload": told.pop("id")} | told | {"at": iso(found.at)}


def snapshot_json(found: Dataset) -> dict[str, Any]:
    """A snapshot in brief; of a path on this machine only the last part is anybody's business."""
    source = PurePath(found.source).name if found.source.startswith("/") else found.source
    return {name: getattr(found, name) for name in BRIEF} | {"source": source, "created_at": iso(found.created_at)}
