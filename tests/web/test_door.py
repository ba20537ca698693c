"""Whatever passes the door is recorded before it leaves, and where it cannot be recorded nothing good leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest

from assay.store.databases.sqlite import Sqlite
from assay.store.paging import Window
from assay.web.door import Door
from assay.web.process import Process
from tests import rows, tiny
from tests.postgres import Cluster
from tests.web.running import Running, eventually, serving


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/models", 200), ("GET", "/nowhere", 404), ("DELETE", "/v1/models", 405), ("GET", "/crash", 500),
     ("GET", "/docs", 200), ("POST", "/price", 422), ("HEAD", "/v1/models", 200), ("OPTIONS", "/v1/models", 405)],
)  # fmt: skip
def test_every_exchange_is_recorded_whatever_its_status(server: Running, method: str, path: str, status: int) -> None:
    answer = server.ask(method, path, b"{}" if method == "POST" else None)
    assert answer.status == status
    kept = server.recorded(answer)
    assert (kept.method, kept.path, kept.status) == (method, path, status)
    if method != "HEAD":
        assert kept.response == answer.body


def test_the_query_is_recorded_beside_the_path(server: Running) -> None:
    kept = server.recorded(server.get("/v1/exchanges?limit=2&path=%2Fx"))
    assert (kept.path, kept.query) == ("/v1/exchanges", "limit=2&path=%2Fx")


def test_a_failure_inside_says_nothing_about_the_inside(server: Running) -> None:
    answer = server.get("/crash")
    assert b"4711" not in answer.body
    assert (answer.json["code"], answer.json["instance"]) == ("error", answer.id)


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost", 200), ("LOCALHOST:1", 200), ("127.0.0.1", 200), ("[::1]:80", 200), ("evil.example", 421), ("", 421),
     ("localhost.evil.example", 421), ("[::2]", 421)],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/stone/predict"])
def test_only_requests_for_this_machine_are_answered(server: Running, host: str, status: int, path: str) -> None:
    body = b'{"carat": 1, "cut": "Fair", "color": "D"}' if path.endswith("predict") else None
    told = {"Host": host} | ({"Content-Type": "application/json"} if body else {})
    assert server.ask("POST" if body else "GET", path, body, told).status == status


def test_an_address_that_is_too_long_is_refused(server: Running) -> None:
    assert server.get("/v1/models?x=" + "y" * 8200).status == 414


@pytest.mark.parametrize("path", ["/v1/models/stone/explain", "/v1/models/stone/similar", "/price"])
def test_doubtful_json_is_refused_on_every_route(server: Running, path: str) -> None:
    body = b'{"carat": 1, "carat": 2, "cut": "Fair", "color": "D"}'
    assert server.post(path, body).json["code"] == "duplicate_key"
    assert server.post(path, b'{"carat": NaN}').json["code"] == "malformed_json"


def test_a_body_longer_than_the_limit_is_refused_and_the_connection_closed(tmp_path: Path) -> None:
    with serving(tmp_path / "home", max_body_bytes=2000, max_batch_bytes=4000) as server:
        one = b'{"carat": 1, "cut": "Fair", "color": "D"%s}'
        assert server.predict(one % (b" " * 1000)).status == 200
        assert server.predict(one % (b" " * 2000)).status == 413
        assert server.predict(b"[" + one % (b" " * 2000) + b"]").status == 200
        answer = server.predict(b"[" + one % (b" " * 5000) + b"]")
        assert (answer.status, answer.headers["connection"]) == (413, "close")
        assert server.recorded(answer).status == 413


@pytest.fixture
def either(cluster: Cluster | None, tmp_path: Path) -> Iterator[Running]:
    """A server on a store in each kind of database in turn."""
    told: dict[str, Any] = {} if cluster is None else {"database_url": cluster.create()}
    with serving(tmp_path / "home", **told) as running:
        yield running
    if cluster is not None:
        cluster.drop(told["database_url"])


def test_an_address_that_no_database_can_keep_is_answered_and_recorded_like_any_other(either: Running) -> None:
    below = [
        f"/v1/{one}/%00x" for one in ("exchanges", "predictions", "verdicts", "jobs", "queries", "datasets", "models")
    ]
    for path in ("/%00", *below, "/v1/models/%00/versions", "/v1/models/%00/rollout", "/v1/models/%00/verdicts"):
        answer = either.get(path)
        assert answer.status == 404, path
        kept = either.recorded(answer)
        assert (kept.path, kept.status) == (path.replace("%00", "\ufffd"), 404)
    assert either.post("/v1/models/%00/predict", b"{}", Idempotency_Key="a-key").status == 404


@pytest.mark.parametrize("number", [0, -1, 2**31, 2**63, 10**30])
def test_a_version_that_no_database_can_number_is_not_there(either: Running, number: int) -> None:
    answer = either.post("/v1/models/stone/queries", b'{"version": %d}' % number)
    assert answer.status in (404, 422)
    assert either.get(f"/v1/models/stone/versions/{number}").status == 404


def test_where_the_store_fails_no_answer_leaves_and_probes_tell(tmp_path: Path) -> None:
    with serving(tmp_path / "home", poll_interval_s=3600) as own_server:
        assert own_server.predict().status == 200
        assay = own_server.assay
        database = assay.database
        assert isinstance(database, Sqlite)
        assay.recorder.close()
        database.engine.dispose()
        away = database.path.with_name("away")
        database.path.rename(away)
        for left in assay.home.glob("assay.db-*"):
            left.unlink()
        database.path.mkdir()
        for answer in (
            own_server.predict(),
            own_server.get("/docs"),
            own_server.get("/nowhere"),
            own_server.predict(b"{"),
        ):
            assert (answer.status, answer.json["code"]) == (503, "storage_unavailable")
            assert str(assay.home).encode() not in answer.body
        assert own_server.get("/livez").status == 200
        assert own_server.get("/readyz").status == 503
        database.path.rmdir()
        away.rename(database.path)
        eventually(lambda: own_server.predict().status == 200)


def test_a_new_decision_answers_without_a_restart_and_without_a_failed_request(own_server: Running) -> None:
    assert own_server.predict().json["version"] == tiny.LINEAR
    own_server.assay.rollouts.append(rows.rollout(tiny.ROUGH))

    def switched() -> bool:
        answer = own_server.predict()
        assert answer.status == 200
        return bool(answer.json["version"] == tiny.ROUGH)

    eventually(switched)


def test_a_version_is_loaded_once_and_not_again_for_each_request(own_server: Running) -> None:
    served = own_server.process.shelf.find("stone")
    before = served.ruling
    for _ in range(5):
        own_server.predict()
    assert served.ruling is before


def test_questions_of_an_applications_own_route_are_recorded_with_its_exchange(own_server: Running) -> None:
    answer = own_server.post("/price", tiny.QUESTION)
    assert answer.status == 200
    (kept,) = own_server.assay.predictions.page(Window(), exchange=answer.id).entries
    assert (kept.id, kept.value) == (answer.json["prediction_id"], answer.json["price"])


def test_a_process_that_cannot_start_keeps_the_reason(tmp_path: Path) -> None:
    def api(_: Process) -> None:
        raise ValueError("there is no such route")

    async def receive() -> dict[str, Any]:
        return {"type": "lifespan.startup"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message["type"])

    async def life(process: Process) -> None:
        with pytest.raises(ValueError, match="no such route"):
            await Door(process, api)({"type": "lifespan"}, receive, send)
        await process.stop()

    sent: list[str] = []
    with tiny.opened(tmp_path / "home") as assay:
        process = Process(assay)
        asyncio.run(life(process))
    assert process.failure == "there is no such route"
    assert sent == ["lifespan.startup.failed"]
