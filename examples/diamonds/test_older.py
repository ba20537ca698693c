"""The earlier server's calls, answered by this one: datasets, models and batches of prices by names of the client's own."""

from __future__ import annotations

import json
import runpy
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.promises.servers import Server, serving

HERE = Path(__file__).parent
STONE = {
    "carat": 1.0, "cut": "Ideal", "color": "E", "clarity": "VVS1", "depth": 61.0, "table": 55.0, "x": 6.5, "y": 6.5, "z": 4.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The application as somebody has it who has trained nothing yet."""
    folder = tmp_path_factory.mktemp("shop")
    application = folder / "diamonds"
    shutil.copytree(HERE, application, ignore=shutil.ignore_patterns(".assay", "__pycache__", "test_*"))
    told = {"job_workers": 1}
    with serving(folder / "home", application=application, ready=503, told=told) as running:
        yield running


def call(server: Server, method: str, path: str, body: Any = None) -> Any:
    """Status and JSON of what came back."""
    answer = server.ask(path, None if body is None else json.dumps(body).encode(), method=method)
    return answer.status, answer.json if answer.body else None


@pytest.fixture(scope="module")
def samples() -> list[dict[str, Any]]:
    """Stones with their prices, made as the application makes them."""
    made: pl.DataFrame = runpy.run_path(str(HERE / "data.py"))["rows"](400)
    return [row for row in made.to_dicts() if row["x"] > 0]


@pytest.mark.timeout(300)
def test_rows_are_sent_a_model_is_trained_and_prices_are_asked_in_batches(
    server: Server, samples: list[dict[str, Any]]
) -> None:
    assert call(server, "PUT", "/datasets/shop") == (201, {"id_": "shop"})
    assert call(server, "POST", "/datasets/shop", samples) == (200, {"id_": "shop", "rows": len(samples)})
    order = {"dataset_id": "shop", "hyperparams": {"linear__regressor__positive": True}}
    status, accepted = call(server, "PUT", "/models/rome", order)
    assert (status, accepted["id_"]) == (202, "rome")
    until = time.monotonic() + 200
    job = {"state": "queued"}
    while job["state"] in ("queued", "running") and time.monotonic() < until:
        job = call(server, "GET", f"{accepted['location']}?wait=10")[1]
    assert job["state"] == "succeeded", job
    assert call(server, "GET", "/models") == (
        200, {"results": [{"id_": "rome"}], "next_page_location": None, "total_pages": 1},
    )  # fmt: skip

    status, opened = call(server, "POST", "/models/rome/prices")
    assert (status, opened["location"][:20]) == (201, "/models/rome/prices/")
    query = opened["location"]
    weights = [0.5, 1.0, 2.0]
    for number, carat in enumerate(weights):
        assert call(server, "POST", query, [STONE | {"carat": carat}]) == (200, {"batch_number": number})
    first = call(server, "GET", f"{query}?page_size=2")[1]
    assert (len(first["results"]), first["total_pages"]) == (2, 2)
    last = call(server, "GET", first["next_page_location"])[1]
    prices = [one["price"] for one in (*first["results"], *last["results"])]
    assert last["next_page_location"] is None
    assert prices == sorted(prices) and len(set(prices)) == 3
    assert call(server, "POST", query, [STONE])[0] == 409
    assert call(server, "DELETE", query) == (204, None)
    assert call(server, "GET", query)[0] == 404

    assert call(server, "DELETE", "/models/rome") == (204, None)
    assert call(server, "POST", "/models/rome/prices")[0] == 404


def test_datasets_are_made_replaced_listed_and_deleted(server: Server) -> None:
    for name in ("a", "b", "c"):
        assert call(server, "PUT", f"/datasets/{name}")[0] == 201
    call(server, "POST", "/datasets/a", [STONE | {"price": 5.0}])
    assert call(server, "PUT", "/datasets/a") == (201, {"id_": "a"})
    assert call(server, "GET", "/v1/datasets/a")[1]["parts"] == []
    page = call(server, "GET", "/datasets?page=0&page_size=2")[1]
    assert len(page["results"]) == 2 and page["next_page_location"] == "/datasets?page=1&page_size=2"
    for path in ("/dataset/a", "/datasets/b", "/datasets/c"):
        assert call(server, "DELETE", path) == (204, None)
    assert call(server, "DELETE", "/datasets/a")[0] == 404


def test_a_sample_that_is_wrong_is_refused_with_all_others(server: Server) -> None:
    call(server, "PUT", "/datasets/strict")
    status, problem = call(server, "POST", "/datasets/strict", [STONE | {"price": 5.0}, STONE])
    assert (status, problem["errors"][0]["pointer"]) == (422, "#/1/price")
    assert call(server, "GET", "/v1/datasets/strict")[1]["rows"] == 0


@pytest.mark.parametrize(
    ("hyperparams", "key"),
    [({"alpha": 1}, "alpha"), ({"selector": ["volume"]}, "selector"), ({"selector": []}, "selector"),
     ({"selector": [["cut"]]}, "selector"), ({"linear__regressor__positive": 1}, "linear__regressor__positive")],
)  # fmt: skip
def test_a_setting_that_cannot_be_honoured_is_refused_by_its_name(server: Server, hyperparams: Any, key: str) -> None:
    status, problem = call(server, "PUT", "/models/x", {"dataset_id": "shop", "hyperparams": hyperparams})
    assert status == 422
    assert f"hyperparams.{key}" in problem["detail"]
