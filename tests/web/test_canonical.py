"""A route may be another spelling of a canonical one: one exchange, the same rules, the same refusals."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Request

from assay.store.paging import Window
from assay.web.control import make_api
from assay.web.process import Process
from tests import tiny
from tests.web.running import serving


def with_other_spellings(process: Process) -> FastAPI:
    api = make_api(process)

    @api.put("/tables/{id}")
    async def table(request: Request, id: str) -> dict[str, str]:
        made = await request.app.state.ask("PUT", f"/v1/datasets/{id}", {"model": "stone"})
        return {"table": made["name"]}

    @api.get("/tables")
    async def tables(request: Request) -> list[str]:
        return [one["name"] for one in (await request.app.state.ask("GET", "/v1/datasets", limit=2))["results"]]

    @api.delete("/tables/{id}")
    async def gone(request: Request, id: str) -> None:
        assert await request.app.state.ask("DELETE", f"/v1/datasets/{id}") is None

    @api.post("/batches")
    async def batches(request: Request) -> int:
        opened = await request.app.state.ask("POST", "/v1/models/stone/queries")
        asked = await request.app.state.ask("POST", opened["location"], [tiny.QUESTION] * 2)
        return int(asked["rows"])

    return api


def test_a_route_may_be_another_spelling_of_a_canonical_one(tmp_path: Path) -> None:
    with serving(tmp_path / "home", api=with_other_spellings) as server:
        assert server.ask("PUT", "/tables/a").json == {"table": "a"}
        for name in ("b", "c"):
            server.ask("PUT", f"/tables/{name}")
        assert server.get("/tables").json == ["c", "b"]
        assert server.ask("DELETE", "/tables/a").status == 200
        refused = server.ask("DELETE", "/tables/a")
        assert (refused.status, refused.json["code"], refused.json["instance"]) == (
            404,
            "dataset_not_found",
            refused.id,
        )
        assert server.ask("PUT", "/tables/A%3Fb").json["code"] == "invalid_name"
        kept = server.recorded(refused)
        assert (kept.path, kept.status, kept.response) == ("/tables/a", 404, refused.body)
        batches = server.ask("POST", "/batches")
        assert batches.json == 2
        assert len(server.assay.predictions.page(Window(), exchange=batches.id).entries) == 2
