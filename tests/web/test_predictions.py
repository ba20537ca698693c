"""The hot route: questions in, recorded answers out, safe to ask again."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from assay.domain.releases.rollout import Arm
from assay.errors import ModelFailed
from assay.releasing.experiment import Plan
from assay.store.paging import Window
from tests import standins, tiny
from tests.web.running import Answer, Running, eventually

PREDICT = "/v1/models/stone/predict"


def test_an_object_gives_one_answer(server: Running) -> None:
    answer = server.predict()
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert (answer.headers["x-model-name"], answer.headers["x-model-version"]) == ("stone", "1")
    assert answer.headers["cache-control"] == "no-store"
    assert set(answer.json) == {"id", "model", "version", "prediction"}
    assert (answer.json["model"], answer.json["version"]) == ("stone", tiny.LINEAR)
    assert answer.json["prediction"] == pytest.approx(1800, abs=30)


def test_a_list_gives_answers_in_its_order_by_one_version(server: Running) -> None:
    weights = [2.0, 0.5, 1.0, 2.0]
    answer = server.predict([tiny.QUESTION | {"carat": weight} for weight in weights])
    alone = [server.predict(tiny.QUESTION | {"carat": weight}).json["prediction"] for weight in weights]
    assert [one["prediction"] for one in answer.json] == alone
    assert len({one["id"] for one in answer.json}) == 4
    assert {one["version"] for one in answer.json} == {tiny.LINEAR}


@pytest.mark.parametrize("headers", [{}, {"Accept": "text/html, application/json"}, {"Idempotency_Key": "by-the-door"}])
def test_exchange_and_predictions_are_recorded_as_they_crossed_the_door(
    server: Running, headers: dict[str, str]
) -> None:
    sent = json.dumps([tiny.QUESTION, tiny.QUESTION], indent=3).encode()
    answer = server.post(PREDICT, sent, **headers)
    kept = server.recorded(answer)
    assert (kept.method, kept.path, kept.status) == ("POST", PREDICT, 200)
    assert (kept.request, kept.response) == (sent, answer.body)
    assert (kept.request_size, kept.response_size) == (len(sent), len(answer.body))
    assert kept.took_us > 0
    rows = server.assay.predictions.page(Window(), exchange=answer.id).entries
    assert [(one.id, one.position, one.value) for one in reversed(rows)] == [
        (one["id"], place, one["prediction"]) for place, one in enumerate(answer.json)
    ]


def test_a_version_of_your_choice_answers(server: Running) -> None:
    rough = server.post(f"/v1/models/stone/versions/{tiny.ROUGH}/predict", tiny.QUESTION)
    assert (rough.status, rough.json["version"], rough.headers["x-model-version"]) == (200, tiny.ROUGH, "2")
    assert rough.json["prediction"] != server.predict().json["prediction"]
    assert server.post(f"/v1/models/stone/versions/{tiny.BROKEN}/predict", tiny.QUESTION).status == 409
    for number in ("99", "0", "x", "-1", "1" * 12, "²"):
        path = f"/v1/models/stone/versions/{number}/predict".replace("²", "%C2%B2")
        assert server.post(path, tiny.QUESTION).status == 404


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "malformed_json"), (b"", 400, "malformed_json"), (b'{"cut": "\xff"}', 400, "malformed_encoding"),
        (b'{"carat": 1, "carat": 1, "cut": "Fair", "color": "D"}', 400, "duplicate_key"), (b"[" * 99, 400, "too_deep"),
        (b"[]", 422, "empty_batch"), (b"{}", 422, "missing_feature"),
        (b'{"carat": 1, "cut": "Great", "color": "D"}', 422, "unknown_category"),
        (b'{"carat": 0, "cut": "Fair", "color": "D"}', 422, "out_of_range"),
        (b'{"carat": "1", "cut": "Fair", "color": "D"}', 422, "wrong_type"),
        (b'{"carat": ' + b"9" * 350 + b', "cut": "Fair", "color": "D"}', 422, "number_out_of_range"),
        (b'[{"carat": 1, "cut": "Fair", "color": "D"}, {"carat": 1, "cut": "Fair"}]', 422, "row_invalid"),
    ],
)  # fmt: skip
def test_what_is_refused_is_named_and_recorded_too(server: Running, body: bytes, status: int, code: str) -> None:
    answer = server.post(PREDICT, body)
    assert (answer.status, answer.json["code"], answer.json["status"]) == (status, code, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["instance"] == answer.id
    kept = server.recorded(answer)
    assert (kept.status, kept.request, kept.response) == (status, body, answer.body)


def test_an_unknown_word_is_refused_with_the_words_that_are_allowed(server: Running) -> None:
    answer = server.predict(tiny.QUESTION | {"cut": "Great"})
    (fault,) = answer.json["errors"]
    assert (fault["pointer"], fault["allowed"]) == ("#/cut", ["Fair", "Good", "Ideal"])


def test_other_methods_are_told_the_right_one(server: Running) -> None:
    answer = server.get(PREDICT)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert server.post("/v1/models/nothing/predict", tiny.QUESTION).status == 404
    assert server.post("/v1/models/stone/x/predict", tiny.QUESTION).status == 404


def test_the_same_key_is_answered_once_and_replayed(server: Running) -> None:
    first, again = (server.predict(Idempotency_Key="k-1") for _ in range(2))
    assert (again.status, again.body) == (200, first.body)
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert server.recorded(again).replay_of == first.id
    assert len(server.assay.predictions.page(Window(), exchange=again.id).entries) == 0


def test_a_key_with_another_body_is_refused_and_with_another_route_is_another_key(server: Running) -> None:
    server.predict(Idempotency_Key="k-2")
    other = server.predict(tiny.QUESTION | {"carat": 2.0}, Idempotency_Key="k-2")
    assert (other.status, other.json["code"]) == (422, "idempotency_mismatch")
    elsewhere = server.post("/v1/models/stone/versions/2/predict", tiny.QUESTION, Idempotency_Key="k-2")
    assert (elsewhere.status, elsewhere.json["version"]) == (200, 2)


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "\u00e9"])
def test_a_key_that_is_none_is_refused(server: Running, key: str) -> None:
    answer = server.predict(Idempotency_Key=key)
    assert (answer.status, answer.json["code"]) == (400, "bad_idempotency_key")


def test_a_key_used_by_many_at_once_is_answered_once(server: Running) -> None:
    answers: list[Answer] = []
    threads = [
        threading.Thread(target=lambda: answers.append(server.predict(Idempotency_Key="k-3"))) for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    good: list[Any] = [answer.body for answer in answers if answer.status == 200]
    assert len(set(good)) == 1
    assert {answer.status for answer in answers} <= {200, 409}
    assert server.predict(Idempotency_Key="k-3").body == good[0]


def halves(running: Running) -> None:
    """Two versions answer from now on, each half of the subjects."""
    arms = (Arm(version=tiny.LINEAR, share=0.5), Arm(version=tiny.ROUGH, share=0.5))
    decided = running.assay.experimenter.start("stone", Plan(arms=arms, name="checkout"), by="a test")
    eventually(lambda: running.process.shelf.find("stone").decision == decided.id)


def test_what_is_asked_again_with_a_key_keeps_its_answer_whoever_answers_now(own_server: Running) -> None:
    body = tiny.QUESTION | {"carat": 2.0}
    first = own_server.predict(body, Idempotency_Key="k-9")
    halves(own_server)
    subject = next(one for one in map(str, range(50)) if own_server.assay.ruling("stone").choose(one) == tiny.ROUGH)
    again = own_server.predict(body, Idempotency_Key="k-9", X_Assay_Subject=subject)
    assert (again.status, again.body, again.headers["x-model-version"]) == (200, first.body, "1")
    assert "x-model-variant" not in again.headers
    fresh = own_server.predict(body, Idempotency_Key="k-10", X_Assay_Subject=subject)
    assert (fresh.json["version"], fresh.headers["x-model-variant"]) == (tiny.ROUGH, "checkout/2")
    replayed = own_server.predict(body, Idempotency_Key="k-10", X_Assay_Subject="somebody else")
    assert (replayed.body, replayed.headers["x-model-version"]) == (fresh.body, "2")


def test_a_long_list_is_answered_by_the_arm_of_all_of_it(own_server: Running) -> None:
    halves(own_server)
    body = json.dumps([tiny.QUESTION] * 2_000)
    answer = own_server.predict(body.encode())
    assert len(body) > 65_536
    assert {one["version"] for one in answer.json} == {own_server.assay.ruling("stone").choose(body)}


def test_a_model_that_fails_is_named_with_its_arm(own_server: Running) -> None:
    halves(own_server)
    draw = own_server.process.shelf.find("stone").draw
    assert draw is not None

    def fail(_columns: Any) -> Any:
        raise ModelFailed("out of order")

    draw.arms[tiny.ROUGH] = standins.version(fail, number=tiny.ROUGH)
    rollout = own_server.assay.ruling("stone")
    for subject in map(str, range(12)):
        answer = own_server.predict(X_Assay_Subject=subject)
        if rollout.choose(subject) == tiny.LINEAR:
            assert answer.status == 200
        else:
            told = answer.json
            assert (answer.status, told["code"]) == (500, "model_error")
            assert (told["model"], told["version"], told["experiment"]) == ("stone", tiny.ROUGH, "checkout")
