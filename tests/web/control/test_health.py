"""Probes tell whether the process lives, and whether it can answer."""

from __future__ import annotations

import threading
import time

import pytest

from assay.store.files import quarantine
from assay.store.record.resting import RestingRecorder
from assay.web.control import health
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


def test_a_store_that_does_not_answer_is_told_without_waiting_for_it(
    own_server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PATIENCE_S", 0.2)
    over = threading.Event()

    def hang() -> int:
        over.wait(20)
        return 0

    own_server.assay.rollouts.newest = hang  # type: ignore[method-assign]  # a database that takes questions only
    began = time.monotonic()
    assert own_server.get("/readyz").json["missing"] == {"store": "it does not answer"}
    assert time.monotonic() - began < 5
    over.set()


def test_a_disk_without_room_is_told(own_server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    own_server.process.shelf.record_at = own_server.assay.home
    assert own_server.get("/readyz").status == 200
    monkeypatch.setattr(quarantine, "RESERVE_BYTES", 1 << 60)
    assert "not enough room" in own_server.get("/readyz").json["missing"]["store"]
    assert own_server.get("/livez").status == 200
    refused = own_server.predict()
    assert (refused.status, refused.json["code"]) == (507, "storage_full")


def test_a_record_that_cannot_be_written_is_told_until_it_can(own_server: Running) -> None:
    recorder = RestingRecorder(own_server.assay.database)
    recorder.trouble = "the disk is full"
    own_server.assay.recorder = recorder
    own_server.process._scribe._recorder = recorder  # type: ignore[union-attr]  # as a process has it from its start
    assert own_server.get("/readyz").json["missing"] == {"store": "the disk is full"}
    eventually(lambda: own_server.get("/readyz").status == 200)
    recorder.close()
