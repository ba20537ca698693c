"""How far each version is with the items is told over HTTP, and a sweep can be wanted now."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.app.items.outlook import VERB
from assay.app.items.sweeping import Sweeping
from assay.store.items.sweeps import Work
from tests import stamped
from tests.web.running import Running, serving


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    with serving(tmp_path / "home", opened=stamped.opened) as running:
        stamped.keep(running.assay, range(4))
        yield running


def sweep(server: Running) -> None:
    Sweeping(server.assay, stamped.MODEL, stamped.Noted(), budget_s=60).run()


def test_progress_is_told_from_the_first_to_the_last(server: Running) -> None:
    assert server.get("/v1/sweeps").json == {"results": []}
    stamped.rule(server.assay, 1)
    (before,) = server.get("/v1/sweeps").json["results"]
    assert (before["state"], before["wanted"], before["left"], before["began_at"]) == ("waiting", 4, 4, None)
    sweep(server)
    (after,) = server.get(f"/v1/sweeps/{stamped.COLLECTION}").json["results"]
    assert (after["state"], after["scored"], after["left"], after["failing"]) == ("finished", 4, 0, 0)
    assert (after["collection"], after["model"], after["version"], after["stands"]) == ("files", "notes", 1, True)
    assert after["finished_at"] > after["began_at"]
    assert after["spent_s"] > after["model_s"] > 0
    assert after["rate"] > 0
    assert (after["expected_at"], after["job"], after["resting"]) == (None, None, None)
    assert server.get("/v1/sweeps/nothing").json["code"] == "collection_not_found"
    assert server.get("/v1/sweeps?x=1").status == server.get("/v1/sweeps/files?x=1").status == 422


def test_what_fails_and_what_rests_is_told_with_its_reason(server: Running) -> None:
    stamped.rule(server.assay, 1)
    (gone,) = stamped.keep(server.assay, [9])
    server.assay.artifacts.path(gone.digest).unlink()
    sweep(server)
    (found,) = server.get("/v1/sweeps").json["results"]
    assert (found["state"], found["failing"]) == ("failing", 1)
    assert found["reasons"] == [
        {
            "code": "artifact_rejected", "items": 1, "example": stamped.name(9),
            "error": "A file of the version is missing, damaged, or not what it says.",
        }
    ]  # fmt: skip
    stamped.rule(server.assay, 2)
    server.assay.sweeps.rest(Work(stamped.COLLECTION, stamped.MODEL, 2), "model_timeout", "/a/path/model.onnx is late")
    (found,) = server.get("/v1/sweeps").json["results"]
    assert (found["state"], found["resting"]["code"]) == ("resting", "model_timeout")
    assert found["resting"]["error"] == "model.onnx is late"


def test_a_sweep_that_runs_says_when_it_will_be_done(server: Running) -> None:
    stamped.rule(server.assay, 1)
    sweep(server)
    stamped.keep(server.assay, [8])
    ordered = server.ask("POST", "/v1/sweeps/files")
    assert (ordered.status, ordered.json["verb"], ordered.json["state"]) == (202, VERB, "queued")
    assert ordered.headers["location"] == f"/v1/jobs/{ordered.json['id']}"
    assert ordered.json["task_id"] == ordered.json["id"]
    again = server.ask("POST", "/v1/sweeps/files?model=notes")
    assert (again.status, again.json["id"]) == (202, ordered.json["id"])
    server.assay.jobs.claim("me", (VERB,), 60)
    (found,) = server.get("/v1/sweeps").json["results"]
    assert (found["state"], found["left"], found["job"]["id"]) == ("scoring", 1, ordered.json["id"])
    assert found["expected_at"] is not None


def test_a_sweep_of_nothing_is_refused(server: Running) -> None:
    assert server.ask("POST", "/v1/sweeps/nothing").json["code"] == "collection_not_found"
    assert server.ask("POST", "/v1/sweeps/files?model=nothing").json["code"] == "model_not_found"
    assert server.ask("POST", "/v1/sweeps/files?all=1").status == 422
    assert server.ask("DELETE", "/v1/sweeps/files").status == 405
