"""Probes tell whether the process lives, and whether it can answer."""

from __future__ import annotations

from tests import rows, tiny
from tests.web.running import Running, eventually


def test_a_process_that_can_answer_says_who_does(server: Running) -> None:
    assert server.get("/livez").json == {"status": "ok"}
    ready = server.get("/readyz")
    assert (ready.status, ready.json) == (200, {"status": "ok", "models": {"stone": tiny.LINEAR}, "unsafe": []})


def test_probes_are_recorded_too(server: Running) -> None:
    answer = server.get("/livez")
    eventually(lambda: server.assay.exchanges.find(answer.id) is not None)


def test_a_version_that_cannot_be_loaded_is_told_while_the_old_one_answers(own_server: Running) -> None:
    assay = own_server.assay
    graph = assay.loader.manifest(assay.versions.find("stone", tiny.ROUGH)).files["graph"].sha256
    assay.artifacts.path(graph).write_bytes(b"damaged")
    assay.rollouts.append(rows.rollout(tiny.ROUGH))
    eventually(lambda: own_server.get("/readyz").status == 503)
    assert "stone" in own_server.get("/readyz").json["missing"]
    assert own_server.predict().json["version"] == tiny.LINEAR


def test_a_model_without_an_answering_version_is_missing(own_server: Running) -> None:
    from assay.store import versions

    with own_server.assay.database.writing() as connection:
        versions.add(connection, rows.version(model="gem", status="failed", manifest=None))
    assert own_server.post("/v1/models/gem/predict", {}).json["code"] == "nothing_released"
    ready = own_server.get("/readyz")
    assert (ready.status, ready.json["missing"]) == (503, {"gem": "no version answers"})
