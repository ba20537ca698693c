"""What is served, its versions with their metrics, and who ruled when."""

from __future__ import annotations

import pytest

from tests import tiny
from tests.web.running import Running


def test_every_model_is_listed_with_the_version_that_rules_it(server: Running) -> None:
    (stone,) = server.get("/v1/models").json["results"]
    assert (stone["name"], stone["version"], stone["recipe"], stone["versions"]) == ("stone", tiny.LINEAR, "linear", 3)
    assert set(stone["metrics"]) == {"mae", "rmse", "mape", "r2"}
    assert stone["since"].endswith("Z")


def test_a_model_tells_its_contract(server: Running) -> None:
    stone = server.get("/v1/models/stone").json
    assert stone["input"]["properties"]["color"]["enum"] == ["D", "E", "F"]
    assert stone["target"] == {"name": "price", "unit": "USD", "floor": 1.0, "decimals": 2}
    assert stone["metric"] == "mae"


def test_every_version_is_listed_the_newest_first_and_failed_ones_too(server: Running) -> None:
    broken, rough, linear = server.get("/v1/models/stone/versions").json["results"]
    assert [one["number"] for one in (broken, rough, linear)] == [3, 2, 1]
    assert (broken["status"], "out of order" in broken["error"]) == ("failed", True)
    assert linear["metrics"]["mae"] < rough["metrics"]["mae"]
    assert "carat 0-1" in linear["segments"]
    for name in ("seed", "dataset", "code_digest", "libraries", "parameters", "took_ms", "created_at"):
        assert name in linear


def test_one_version_is_told_in_full(server: Running) -> None:
    listed = server.get("/v1/models/stone/versions").json["results"][1]
    assert server.get("/v1/models/stone/versions/2").json == listed


def test_decisions_are_listed_with_their_reasons(server: Running) -> None:
    (first,) = server.get("/v1/models/stone/rollouts").json["results"]
    assert (first["version"], first["previous"], first["by"]) == (tiny.LINEAR, None, "assay train")
    assert "mae" in first["reason"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/models/gem", "model_not_found"), ("/v1/models/gem/versions", "model_not_found"),
        ("/v1/models/gem/rollouts", "model_not_found"), ("/v1/models/stone/versions/99", "version_not_found"),
        ("/v1/models/stone/versions/x", "version_not_found"), ("/v1/models/stone/versions/-1", "version_not_found"),
        ("/v1/models/stone/versions/99999999999999999999", "version_not_found"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_said_not_to_be(server: Running, path: str, code: str) -> None:
    answer = server.get(path)
    assert (answer.status, answer.json["code"]) == (404, code)


@pytest.mark.parametrize(
    "path", ["/v1/models", "/v1/models/stone", "/v1/models/stone/versions", "/v1/models/stone/rollouts"]
)
def test_an_unknown_parameter_is_refused(server: Running, path: str) -> None:
    answer = server.get(f"{path}?verbose=1")
    assert (answer.status, answer.json["code"]) == (422, "invalid_parameter")
