"""The same server under the addresses of an earlier one: datasets, models and prices by names that clients choose."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, HTTPException, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from model import RISING, Stone, price

router = APIRouter()
HERE = f"/v1/models/{price.name}"
RECIPE = "positive"
POSITIVE = "linear__regressor__positive"
Page = Annotated[int, Query(ge=0, description="which page, the first being 0")]
PageSize = Annotated[int, Query(ge=1, le=1000, description="how many entries a page holds")]
Id = Annotated[str, Path(description="the name that the client chose")]
QueryId = Annotated[str, Path(description="the query, as its location names it")]


class Wanted(BaseModel):
    """A model to be trained: on which dataset, and with which settings of the linear model."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"dataset_id": "shop", "hyperparams": {POSITIVE: True, "selector": ["weight", "cut"]}}
        },
    )

    dataset_id: str
    hyperparams: dict[str, Any] = {}


@router.get("/datasets")
async def datasets(request: Request, page: Page = 0, page_size: PageSize = 10) -> dict[str, Any]:
    """The names of all datasets, the newest first."""
    names: list[dict[str, str]] = []
    cursor: dict[str, str] = {}
    while True:
        found = await request.app.state.ask("GET", "/v1/datasets", limit=1000, **cursor)
        names += [{"id_": one["name"]} for one in found["results"]]
        if found["next_cursor"] is None:
            return paged(names, "/datasets", page, page_size)
        cursor = {"cursor": found["next_cursor"]}


@router.put("/datasets/{id}", status_code=201)
async def replace(request: Request, id: Id) -> dict[str, Any]:
    """Makes an empty dataset, in the place of the one that had the name."""
    ask, path = request.app.state.ask, f"/v1/datasets/{id}"
    made = await ask("PUT", path, {"model": price.name})
    if made["rows"] or made["removed"]:
        await ask("DELETE", path)
        await ask("PUT", path, {"model": price.name})
    return {"id_": id}


@router.post("/datasets/{id}")
async def append(request: Request, id: Id, samples: Annotated[list[dict[str, Any]], Body()]) -> dict[str, Any]:
    """Appends stones with their prices, all or none of them."""
    found = await request.app.state.ask("POST", f"/v1/datasets/{id}/rows", samples)
    return {"id_": id, "rows": found["rows"]}


@router.delete("/dataset/{id}", status_code=204)
@router.delete("/datasets/{id}", status_code=204)
async def forget(request: Request, id: Id) -> None:
    """Deletes a dataset; what was learnt from it stays."""
    await request.app.state.ask("DELETE", f"/v1/datasets/{id}")


@router.get("/models")
async def models(request: Request, page: Page = 0, page_size: PageSize = 10) -> dict[str, Any]:
    """The names of the models that clients have trained, the newest first."""
    names = dict.fromkeys(one["label"] for one in await versions(request) if one["label"])
    return paged([{"id_": name} for name in names], "/models", page, page_size)


@router.put("/models/{id}", status_code=202)
async def train(request: Request, response: Response, id: Id, wanted: Wanted) -> dict[str, Any]:
    """Trains a linear model on a dataset, in the background; the one that answers elsewhere stays the one that it is."""
    order = {
        "dataset": wanted.dataset_id, "recipes": [RECIPE], "parameters": settings(wanted.hyperparams), "label": id,
        "promote": False,
    }  # fmt: skip
    job = await request.app.state.ask("POST", f"{HERE}/train", order)
    response.headers["location"] = f"/v1/jobs/{job['id']}"
    return {"id_": id, "location": response.headers["location"]}


@router.delete("/models/{id}", status_code=204)
async def unname(request: Request, id: Id) -> None:
    """Takes the name off a model, so that it can be given anew; the version stays in the history."""
    await request.app.state.ask("DELETE", f"{HERE}/labels/{id}")


@router.post("/models/{id}/prices", status_code=201)
async def open_prices(request: Request, id: Id) -> dict[str, Any]:
    """Opens a query of a model: a place to which stones are sent in batches."""
    mine = [one["number"] for one in await versions(request) if one["label"] == id and one["status"] == "ready"]
    if not mine:
        raise HTTPException(404, f"There is no trained model {id!r}; if it is being trained, ask for its job.")
    query = await request.app.state.ask("POST", f"{HERE}/queries", {"version": mine[0]})
    return {"location": f"/models/{id}/prices/{query['id']}"}


@router.post("/models/{id}/prices/{query}")
async def ask_prices(
    request: Request, id: Id, query: QueryId, stones: Annotated[list[dict[str, Any]], Body()]
) -> dict[str, int]:
    """Sends one batch of stones."""
    found = await request.app.state.ask("POST", f"/v1/queries/{query}", stones)
    return {"batch_number": found["batch"]}


@router.get("/models/{id}/prices/{query}")
async def prices(request: Request, id: Id, query: QueryId, page: Page = 0, page_size: PageSize = 10) -> dict[str, Any]:
    """The prices in the order of the stones; after the first reading the query takes no more of them."""
    found = await request.app.state.ask("GET", f"/v1/queries/{query}", page=page, page_size=page_size)
    following = f"/models/{id}/prices/{query}?page={page + 1}&page_size={page_size}" if found["next"] else None
    results = [{"price": one["prediction"]} for one in found["results"]]
    return {"results": results, "next_page_location": following, "total_pages": found["pages"]}


@router.delete("/models/{id}/prices/{query}", status_code=204)
async def forget_prices(request: Request, id: Id, query: QueryId) -> None:
    """Forgets a query."""
    await request.app.state.ask("DELETE", f"/v1/queries/{query}")


async def versions(request: Request) -> list[dict[str, Any]]:
    """Every version, the newest first."""
    found: list[dict[str, Any]] = (await request.app.state.ask("GET", f"{HERE}/versions"))["results"]
    return found


def settings(told: dict[str, Any]) -> dict[str, Any]:
    """The settings as scikit-learn names them in our recipe; refuses what cannot be honoured, by its name."""
    columns = dict.fromkeys((*Stone.assay_fields, *RISING))
    for key, value in told.items():
        if key not in (POSITIVE, "selector"):
            raise HTTPException(422, f"hyperparams.{key}: is not known; known are {POSITIVE} and selector")
        if key == POSITIVE and not isinstance(value, bool):
            raise HTTPException(422, f"hyperparams.{key}: must be true or false")
        if key == "selector" and not (
            isinstance(value, list) and value and all(isinstance(one, str) and one in columns for one in value)
        ):
            raise HTTPException(422, f"hyperparams.{key}: must be a list of some of {', '.join(columns)}")
    found = {"estimator__linearregression__positive": told[POSITIVE]} if POSITIVE in told else {}
    if "selector" not in told:
        return found
    kept = [one for one in told["selector"] if one not in RISING]
    derived = {name: RISING[name] for name in told["selector"] if name in RISING}
    return found | {"estimator__pipeline__derive__keep": kept, "estimator__pipeline__derive__features": derived}


def paged(entries: list[Any], address: str, page: int, page_size: int) -> dict[str, Any]:
    """One page of a list, with the address of the next."""
    pages = -(-len(entries) // page_size)
    following = f"{address}?page={page + 1}&page_size={page_size}" if page + 1 < pages else None
    shown = entries[page * page_size : (page + 1) * page_size]
    return {"results": shown, "next_page_location": following, "total_pages": pages}
