"""The truth about predictions, told over HTTP: at once, late, in lists, and corrected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assay.clock import iso, now_us
from tests import known, tiny
from tests.web.running import Running, serving

OUTCOMES = "/v1/outcomes"


def asked(server: Running, count: int = 1) -> list[str]:
    answers = server.predict([tiny.QUESTION] * count).json
    return [str(one["id"]) for one in answers]


def values(server: Running, prediction: str) -> list[float]:
    return [one["value"] for one in server.get(f"{OUTCOMES}?prediction={prediction}").json["results"]]


def test_what_a_prediction_should_have_been_is_kept(server: Running) -> None:
    (prediction,) = asked(server)
    then = iso(now_us() - 5_000_000)
    answer = server.post(OUTCOMES, {"prediction": prediction, "value": 326, "observed_at": then})
    assert answer.status == 201
    (made,) = answer.json["results"]
    assert (made["prediction"], made["value"], made["observed_at"], made["exchange"]) == (
        prediction,
        326.0,
        then,
        answer.id,
    )
    assert (made["model"], made["version"]) == ("stone", server.get(f"/v1/predictions/{prediction}").json["version"])
    assert server.get(f"{OUTCOMES}?model=stone&prediction={prediction}").json["results"] == [made]


def test_a_correction_comes_first_and_the_earlier_one_stays(server: Running) -> None:
    (prediction,) = asked(server)
    for value in (1.5, 2.5):
        assert server.post(OUTCOMES, {"prediction": prediction, "value": value}).status == 201
    assert values(server, prediction) == [2.5, 1.5]


def test_a_list_is_kept_whole_or_not_at_all(server: Running) -> None:
    ids = asked(server, 3)
    told: list[dict[str, Any]] = [{"prediction": one, "value": place} for place, one in enumerate(ids)]
    answer = server.post(OUTCOMES, [*told, {"prediction": "0" * 32, "value": 1}])
    (fault,) = answer.json["errors"]
    assert (answer.status, fault["pointer"], fault["code"]) == (422, "#/3/prediction", "unknown_prediction")
    assert [values(server, one) for one in ids] == [[], [], []]
    assert server.post(OUTCOMES, told).status == 201
    assert [values(server, one) for one in ids] == [[0.0], [1.0], [2.0]]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({"value": 1}, "#"), ({"prediction": "a"}, "#"), ({"prediction": 5, "value": 1}, "#/prediction"),
     ({"prediction": "a", "value": "1"}, "#/value"), ({"prediction": "a", "value": True}, "#/value"),
     ({"prediction": "a", "value": 1, "at": 2}, "#/at"), ([], "#"), ("x", "#"),
     ([{"prediction": "a", "value": 1}, {"prediction": "a", "value": None}], "#/1/value"),
     ({"prediction": "a", "value": 1, "observed_at": "yesterday"}, "#/observed_at"),
     ({"prediction": "a", "value": 1, "observed_at": "2026-03-03"}, "#/observed_at"),
     ({"entity": "shops/a", "value": 1}, "#/model"), ({"model": "stone", "value": 1}, "#"),
     ({"prediction": "a", "entity": "shops/a", "model": "stone", "value": 1}, "#/entity"),
     ({"prediction": "a", "model": "stone", "value": 1}, "#/model"),
     ({"prediction": None, "value": 1}, "#/prediction"),
     ({"entity": "shops/a", "model": "stone", "value": 1}, "#/entity"),
     ([{"prediction": "a", "value": 1, "observed_at": "2999-03-03T12:00:00Z"}], "#/0/observed_at")],
)  # fmt: skip
def test_a_refusal_names_the_place_and_the_rule(server: Running, body: Any, pointer: str) -> None:
    answer = server.post(OUTCOMES, body)
    assert (answer.status, answer.json["errors"][0]["pointer"]) == (422, pointer), answer.json


def test_a_list_is_not_longer_than_allowed(server: Running) -> None:
    answer = server.post(OUTCOMES, [{"prediction": "a", "value": 1}] * 10_001)
    assert (answer.status, answer.json["errors"][0]["detail"]) == (422, "must have from 1 to 10000 entries")


def test_of_an_entity_the_last_answer_until_then_is_meant(tmp_path: Path) -> None:
    with serving(tmp_path / "home", opened=known.opened) as server:
        first = server.get("/shops/s1").json["prediction"]
        between = iso(now_us())
        second = server.get("/shops/s1").json["prediction"]
        told = {"model": "sales", "entity": "shops/s1", "value": 7.5}
        answer = server.post(OUTCOMES, [told, told | {"observed_at": between}])
        assert [one["prediction"] for one in answer.json["results"]] == [second, first], answer.json
        assert server.post(OUTCOMES, told | {"value": 8.5}).status == 201
        assert (values(server, second), values(server, first)) == ([8.5, 7.5], [7.5])
        listed = server.get(OUTCOMES + "?entity=shops/s1").json
        assert [one["value"] for one in listed["results"]] == [8.5, 7.5, 7.5]
        assert server.get(OUTCOMES + "?entity=shops/s2").json["results"] == []
