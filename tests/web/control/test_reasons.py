"""Reasons and similar rows over HTTP, for the ruling version and for any other."""

from __future__ import annotations

from typing import Any

import pytest

from assay.domain.releases.rollout import Arm
from assay.releasing.experiment import Plan
from assay.store.paging import Window
from tests import tiny
from tests.web.running import Running, eventually


@pytest.mark.parametrize(
    ("path", "number"), [("/v1/models/stone", tiny.LINEAR), ("/v1/models/stone/versions/2", tiny.ROUGH)]
)
def test_reasons_add_up_and_are_recorded(server: Running, path: str, number: int) -> None:
    answer = server.post(f"{path}/explain", tiny.QUESTION)
    told = answer.json
    assert (answer.status, told["model"], told["version"]) == (200, "stone", number)
    assert [part["feature"] for part in told["parts"]] == ["carat", "cut", "color"]
    assert abs(told["base"] + sum(part["contribution"] for part in told["parts"]) - told["prediction"]) < 0.01
    assert told["prediction"] == server.post(f"{path}/predict", tiny.QUESTION).json["prediction"]
    (kept,) = server.assay.predictions.page(Window(), exchange=answer.id).entries
    assert (kept.id, kept.value, kept.version) == (told["id"], told["prediction"], number)


@pytest.mark.parametrize(
    ("path", "number"), [("/v1/models/stone", tiny.LINEAR), ("/v1/models/stone/versions/2", tiny.ROUGH)]
)
def test_similar_rows_are_equal_in_words_and_near_in_weight(server: Running, path: str, number: int) -> None:
    told = server.post(f"{path}/similar?n=3", tiny.QUESTION).json
    assert (told["model"], told["version"], len(told["rows"])) == ("stone", number, 3)
    assert all((row["cut"], row["color"]) == ("Ideal", "E") for row in told["rows"])
    distances = [abs(row["carat"] - 1.0) for row in told["rows"]]
    assert distances == sorted(distances)


def test_untold_there_are_five(server: Running) -> None:
    assert len(server.post("/v1/models/stone/similar", tiny.QUESTION).json["rows"]) == 5


@pytest.mark.parametrize("n", ["0", "1001", "x", "-1", "1.5", ""])
def test_a_number_of_rows_out_of_range_is_refused(server: Running, n: str) -> None:
    answer = server.post(f"/v1/models/stone/similar?n={n}", tiny.QUESTION)
    assert (answer.status, answer.json["errors"][0]["pointer"]) == (422, "n")


@pytest.mark.parametrize("verb", ["explain", "similar"])
@pytest.mark.parametrize("body", [[tiny.QUESTION], [], 1, "x", None, {}, tiny.QUESTION | {"cut": "Great"}])
def test_what_is_no_question_is_refused(server: Running, verb: str, body: Any) -> None:
    data = b"null" if body is None else body
    assert server.post(f"/v1/models/stone/{verb}", data).status == 422


@pytest.mark.parametrize("verb", ["explain", "similar"])
@pytest.mark.parametrize(
    ("path", "status"),
    [("/v1/models/gem", 404), ("/v1/models/stone/versions/99", 404), ("/v1/models/stone/versions/3", 409)],
)
def test_a_version_that_cannot_answer_has_no_reasons(server: Running, verb: str, path: str, status: int) -> None:
    assert server.post(f"{path}/{verb}", tiny.QUESTION).status == status


def test_during_an_experiment_the_arm_of_the_subject_gives_its_reasons(own_server: Running) -> None:
    arms = (Arm(version=tiny.LINEAR, share=0.5), Arm(version=tiny.ROUGH, share=0.5))
    rollout = own_server.assay.experimenter.start("stone", Plan(arms=arms, name="checkout"), by="a test")
    eventually(lambda: own_server.process.shelf.find("stone").decision == rollout.id)
    for subject in map(str, range(8)):
        answer = own_server.post("/v1/models/stone/explain", tiny.QUESTION, X_Assay_Subject=subject)
        assert answer.json["version"] == rollout.choose(subject)
        (kept,) = own_server.assay.predictions.page(Window(), exchange=answer.id).entries
        assert (kept.version, kept.experiment) == (answer.json["version"], "checkout")
    unnamed = own_server.post("/v1/models/stone/explain", tiny.QUESTION).json["version"]
    assert unnamed == own_server.predict().json["version"], "the same question went to another arm"
    assert own_server.post("/v1/models/stone/explain", tiny.QUESTION, X_Assay_Subject="x" * 257).status == 400
