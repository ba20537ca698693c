"""One test a demand of the assignment, against a server that is started as a user starts it."""

from __future__ import annotations

import json
import runpy
import shutil
import sqlite3
import statistics
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from uuid import UUID

import numpy as np
import polars as pl
import pytest

from assay.app import Assay
from assay.measures.confidences import metrics
from assay.training.split import split
from tests.promises.servers import Answer, Server, serving

HERE = Path(__file__).parent
KISIZA = "e337a675-46f5-437e-aa72-5d43643b5461"
MARGIN = 0.3  # of NDCG at 10, over telling everybody what is liked most


@dataclass(frozen=True)
class Service:
    """The application, trained and served."""

    server: Server
    folder: Path
    home: Path

    def interests(self, user: str = KISIZA, parameters: str = "") -> Answer:
        """What a user is interested in."""
        return self.server.ask(f"/interests/{user}{'?' * bool(parameters)}{parameters}")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    place = tmp_path_factory.mktemp("interests")
    folder, home = place / "interests", place / "home"
    shutil.copytree(HERE, folder, ignore=shutil.ignore_patterns(".assay", "__pycache__", "test_*"))
    with closing(Assay.at(folder, home=home)) as assay:
        run = assay.train(assay.application.model(None), None)
        assert run.rollout is not None
    with serving(home, application=folder) as server:
        yield Service(server, folder, home)


def test_the_port_is_5005_unless_told_otherwise() -> None:
    assert (HERE / "assay.toml").read_text().strip() == "port = 5005"


def test_the_service_says_that_it_lives(service: Service) -> None:
    answer = service.server.ask("/")
    assert (answer.status, answer.json) == (200, {"status": "healthy"})


def test_a_known_user_has_fifteen_interests_with_name_and_type(service: Service) -> None:
    told = service.interests().json
    assert list(told) == ["user_handle", "interests", "name", "type"]
    assert (told["user_handle"], told["name"], told["type"], len(told["interests"])) == (KISIZA, "Kisiza", "B2B", 15)
    assert all(list(one) == ["id", "label", "probability"] and UUID(one["id"]) for one in told["interests"])


def test_so_many_are_told_as_are_asked_for_and_never_more_than_there_are(service: Service) -> None:
    assert [len(service.interests(parameters=f"top_k={k}").json["interests"]) for k in (1, 10, 59, 60, 10_000)] == [
        1, 10, 59, 60, 60,
    ]  # fmt: skip


def test_probabilities_are_from_0_to_1_and_fall(service: Service) -> None:
    told = [one["probability"] for one in service.interests(parameters="top_k=60").json["interests"]]
    assert told == sorted(told, reverse=True)
    assert 0 <= told[-1] < told[0] <= 1


@pytest.mark.parametrize("name", ["min_probability", "probability", "threshold", "probability_threshold"])
def test_a_threshold_is_inclusive_and_comes_before_the_cut(service: Service, name: str) -> None:
    every = service.interests(parameters="top_k=60").json["interests"]
    least = every[2]["probability"]
    assert service.interests(parameters=f"top_k=60&{name}={least}").json["interests"] == every[:3]
    assert service.interests(parameters=f"top_k=2&{name}={least}").json["interests"] == every[:2]


def test_where_nothing_is_probable_enough_the_list_is_empty(service: Service) -> None:
    answer = service.interests(parameters="min_probability=1")
    assert (answer.status, answer.json["interests"]) == (200, [])


@pytest.mark.parametrize(
    "parameters",
    [
        "top_k=0",
        "top_k=-1",
        "top_k=x",
        "top_k=1.5",
        "min_probability=1.1",
        "threshold=-0.1",
        "probability=x",
        "probability=nan",
    ],
)
def test_a_parameter_that_cannot_be_is_422(service: Service, parameters: str) -> None:
    answer = service.interests(parameters=parameters)
    assert (answer.status, answer.code) == (422, "invalid_parameter")


def test_an_unknown_user_is_404_and_a_malformed_id_422(service: Service) -> None:
    unknown = service.interests("00000000-0000-4000-8000-000000000000")
    assert (unknown.status, unknown.code) == (404, "entity_not_found")
    for told in ("kisiza", "123", KISIZA[:-1], KISIZA + "0"):
        malformed = service.interests(told)
        assert (malformed.status, malformed.code) == (422, "entity_key_invalid")


def test_an_id_may_be_in_capital_letters(service: Service) -> None:
    assert service.interests(KISIZA.upper()).json["user_handle"] == KISIZA


def test_a_user_without_activity_is_answered_by_what_his_like_like(service: Service) -> None:
    silent = next(
        row
        for row in runpy.run_path(str(service.folder / "data.py"))["users"]().to_dicts()
        if not row["content_titles"]
    )
    told = service.interests(silent["id"]).json
    assert (len(told["interests"]), told["name"], told["type"]) == (15, silent["name"], silent["type"])


def test_labels_are_the_same_for_an_id_every_time(service: Service) -> None:
    names = runpy.run_path(str(service.folder / "model.py"))["INTERESTS"]
    for _ in range(3):
        told = service.interests(parameters="top_k=60").json["interests"]
        assert {one["label"]: one["id"] for one in told} == names
    assert names["Accounting technician"] == "3533739b-dfdc-5538-9e9c-7d2fe4ec78ec"


def test_titles_are_joined_by_a_separator(service: Service) -> None:
    data = runpy.run_path(str(service.folder / "data.py"))
    read = data["activity"]().filter(pl.col("id") == KISIZA)["title"].to_list()
    told = service.server.ask(f"/v1/features/users/{KISIZA}").json["values"]["content_titles"]
    assert len(read) > 1 and told.split(" / ") == read


def test_an_answer_takes_far_less_than_a_second(service: Service) -> None:
    took = []
    for _ in range(50):
        began = time.perf_counter()
        assert service.interests().status == 200
        took.append(time.perf_counter() - began)
    assert statistics.median(took) < 0.2, took


def test_every_answer_is_recorded_with_user_and_features(service: Service) -> None:
    answer = service.interests(parameters="top_k=3")
    with closing(sqlite3.connect(service.home / "assay.db")) as store:
        ((entity, question, response),) = store.execute(
            "SELECT entity, question, response FROM predictions JOIN exchanges ON exchanges.id = exchange WHERE exchange = ?",
            (answer.headers["x-request-id"],),
        ).fetchall()
    assert (entity, response) == (f"users/{KISIZA}", answer.body)
    assert set(json.loads(question)) == {"type", "content_titles"}


def test_what_a_user_turned_out_to_like_is_kept_of_the_last_answer_about_him(service: Service) -> None:
    asked = service.interests().headers["x-request-id"]
    told = {"model": "interests", "entity": f"users/{KISIZA.upper()}", "value": ["Auditor", "Actuary"]}
    answer = service.server.ask("/v1/outcomes", json.dumps(told).encode(), method="POST")
    (kept,) = answer.json["results"]
    recorded = service.server.ask(f"/v1/predictions/{kept['prediction']}").json
    assert (answer.status, kept["value"], recorded["exchange"]) == (201, ["Actuary", "Auditor"], asked)
    assert service.server.ask(f"/v1/outcomes?prediction={kept['prediction']}").json["results"] == [kept]


def test_features_that_are_put_are_asked_at_once_and_the_past_stays(service: Service) -> None:
    user = "11111111-2222-4333-8444-555555555555"
    address = f"/v1/features/users/{user}"
    told = {"name": "New", "type": "B2C", "content_titles": ""}
    first = service.server.ask(address, json.dumps(told).encode(), method="PUT")
    assert first.status == 201
    before = service.interests(user).json
    told["content_titles"] = "The Architect and the Architect / A guide to Architect: Architect"
    assert service.server.ask(address, json.dumps(told).encode(), method="PUT").status == 200
    after = service.interests(user).json
    assert after["interests"][0]["label"] == "Architect" != before["interests"][0]["label"]
    past = service.server.ask(f"{address}?as_of={first.json['at']}").json
    assert past["values"]["content_titles"] == ""


@pytest.mark.parametrize(
    "recipe",
    [
        "words",
        pytest.param("embedded", marks=pytest.mark.skipif(not find_spec("tensorflow"), reason="no TensorFlow")),
    ],
)
def test_the_recipe_beats_popularity_by_the_stated_margin_and_is_calibrated(service: Service, recipe: str) -> None:
    with closing(Assay.at(service.folder, home=service.home)) as assay:
        (version,) = [one for one in assay.versions.all("interests") if one.recipe == recipe]
        model = assay.application.model(None)
        whole = pl.read_parquet(assay.artifacts.path(version.dataset))
        train, test = split(whole, model.test_size, model.seed)
    labels = list(model.labels)
    truth = [
        np.array([[label in json.loads(one) for label in labels] for one in part["interests"]])
        for part in (train, test)
    ]
    popular = np.tile(truth[0].mean(axis=0), (len(truth[1]), 1))
    baseline = metrics(truth[1], popular, labels, model.threshold)
    assert version.engine == "onnx"
    assert version.metrics["ndcg_at_10"] > baseline["ndcg_at_10"] + MARGIN, (version.metrics, baseline)
    assert version.metrics["log_loss"] < baseline["log_loss"]
    assert version.metrics["calibration_error"] < 0.02
    assert {"precision", "recall", "average_precision"} <= set(version.metrics)


def test_the_page_of_the_documentation_shows_the_route(service: Service) -> None:
    told = service.server.ask("/openapi.json").json["paths"]["/interests/{user_handle}"]["get"]
    assert {one["name"] for one in told["parameters"]} >= {"user_handle", "top_k", "min_probability", "threshold"}
