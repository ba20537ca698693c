"""The moderators' demands, one test each, of the application on a real server."""

from __future__ import annotations

import json
import runpy
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from assay.app import Assay
from tests.promises.servers import Server, serving

HERE = Path(__file__).parent
ROWS = 6_000
REPORT = {"abuse_type": "MSG", "report_text_len": 180, "profile_rating": 0.35, "popularity": 2}
BETTER = REPORT | {"abuse_type": "PRF", "report_text_len": 5, "profile_rating": 0.95, "popularity": 5}
SLACK = 0.93  # of the best possible average precision, from so few reports

pytestmark = [pytest.mark.xdist_group("server"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    """What data.py defines."""
    return runpy.run_path(str(HERE / "data.py"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, made: dict[str, Any]) -> Path:
    """The application with a home that has learnt from fewer reports than it would by itself."""
    application = tmp_path_factory.mktemp("moderation") / "reports"
    shutil.copytree(HERE, application, ignore=shutil.ignore_patterns(".assay", "__pycache__", "test_*"))
    made["rows"](ROWS).write_parquet(application / "rows.parquet")
    assay = Assay.at(application)
    try:
        run = assay.train(assay.application.model(None), application / "rows.parquet")
    finally:
        assay.close()
    assert [one.error for one in run.versions] == ["", ""]
    assert {one.engine for one in run.versions} == {"onnx"}
    return application


@pytest.fixture(scope="module")
def server(trained: Path) -> Iterator[Server]:
    with serving(trained / ".assay", application=trained, told={"predict_workers": 1}) as running:
        yield running


def call(server: Server, method: str, path: str, body: Any = None) -> Any:
    """Status and JSON of what came back."""
    answer = server.ask(path, None if body is None else json.dumps(body).encode(), method=method)
    return answer.status, answer.json if answer.body else None


def finished(server: Server, reports: list[dict[str, Any]], path: str = "/prediction") -> dict[str, Any]:
    """A task that was sent and waited for."""
    status, accepted = call(server, "POST", path, reports)
    assert (status, accepted["status"]) == (202, "Processing")
    until = time.monotonic() + 60
    while time.monotonic() < until:
        status, told = call(server, "GET", f"/task/{accepted['task_id']}?wait=10")
        if status == 200:
            assert told["task_id"] == accepted["task_id"]
            return dict(told)
        assert (status, told["status"]) == (202, "Processing")
    raise AssertionError("the task was not done within a minute")


def test_reports_are_taken_at_once_and_scored_in_their_order(server: Server) -> None:
    done = finished(server, [BETTER, REPORT, BETTER])
    assert done["status"] == "SUCCESS"
    first, second, third = done["score"]
    assert first == third < second
    assert all(0 <= score <= 1 for score in done["score"])


@pytest.mark.parametrize("path", ["/predict", "/submit"])
def test_the_other_spellings_are_taken_too(server: Server, path: str) -> None:
    assert len(finished(server, [REPORT], path)["score"]) == 1


def test_the_number_of_matches_may_be_known_or_not(server: Server) -> None:
    done = finished(
        server, [REPORT, REPORT | {"lifetime_matches_created": 90}, REPORT | {"lifetime_matches_created": None}]
    )
    assert done["score"][0] == done["score"][2]


def test_asking_for_the_scores_again_changes_nothing(server: Server) -> None:
    done = finished(server, [REPORT])
    assert call(server, "GET", f"/task/{done['task_id']}") == (200, done)
    assert call(server, "GET", f"/task/{done['task_id']}") == (200, done)


def test_a_task_that_there_is_not_is_not_found(server: Server) -> None:
    assert call(server, "GET", f"/task/{'0' * 32}")[0] == 404
    assert call(server, "GET", "/task/nonsense")[0] == 404


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"abuse_type": "SPAM"}, "abuse_type"), ({"profile_rating": 1.5}, "profile_rating"), ({"popularity": 6}, "popularity"),
        ({"report_text_len": "long"}, "report_text_len"), ({"shoe_size": 44}, "shoe_size"),
    ],
)  # fmt: skip
def test_a_wrong_report_is_refused_with_its_field_and_nothing_is_queued(
    server: Server, wrong: dict[str, Any], field: str
) -> None:
    before = call(server, "GET", "/tasks?limit=1")[1]
    status, problem = call(server, "POST", "/prediction", [REPORT, REPORT | wrong])
    assert status == 422
    assert any(one["pointer"] == f"#/1/{field}" for one in problem["errors"]), problem
    assert call(server, "GET", "/tasks?limit=1")[1] == before


def test_reports_that_are_sent_again_under_their_key_are_one_task(server: Server) -> None:
    sent = [
        server.ask(
            "/prediction",
            json.dumps([REPORT]).encode(),
            method="POST",
            headers={"Content-Type": "application/json", "Idempotency-Key": "shift-7"},
        )
        for _ in range(3)
    ]
    assert {one.status for one in sent} == {202}
    assert len({one.json["task_id"] for one in sent}) == 1


def test_an_empty_list_is_refused(server: Server) -> None:
    assert call(server, "POST", "/prediction", [])[0] == 422


def test_all_tasks_are_listed_the_newest_first_and_page_by_page(server: Server) -> None:
    ids = [finished(server, [REPORT])["task_id"] for _ in range(3)]
    status, page = call(server, "GET", "/tasks?limit=2&status=SUCCESS")
    assert status == 200
    assert [one["task_id"] for one in page["tasks"]] == ids[:0:-1]
    assert {one["status"] for one in call(server, "GET", "/tasks?status=Processing")[1]["tasks"]} <= {"Processing"}
    status, problem = call(server, "GET", "/tasks?status=Lost")
    assert (status, problem["errors"][0]["pointer"]) == (422, "status")
    following = call(server, "GET", f"/tasks?limit=2&cursor={page['next_cursor']}")[1]
    assert following["tasks"][0]["task_id"] == ids[0]


def test_it_says_that_it_lives(server: Server) -> None:
    assert call(server, "GET", "/heartbeat") == (200, {"message": "Service Ok"})


def test_the_documentation_shows_the_calls(server: Server) -> None:
    document = call(server, "GET", "/openapi.json")[1]
    assert {"/prediction", "/task/{task_id}", "/tasks", "/heartbeat"} <= set(document["paths"])


def test_answers_are_kept_and_meet_the_truth_when_it_is_told(server: Server) -> None:
    task = finished(server, [REPORT])["task_id"]
    told = call(server, "GET", f"/v1/jobs/{task}")[1]
    prediction = told["result"][0]["id"] if isinstance(told["result"], list) else told["result"]["id"]
    kept = call(server, "GET", f"/v1/predictions/{prediction}")[1]
    assert kept["question"]["report_text_len"] == 180
    assert set(kept["answer"]) == {"relevant"}
    assert call(server, "POST", "/v1/outcomes", [{"prediction": prediction, "value": ["relevant"]}])[0] in (200, 201)


def test_a_version_of_the_other_recipe_answers_without_any_change_for_who_asks(server: Server, trained: Path) -> None:
    scores = {}
    for number in (1, 2):
        assay = Assay.at(trained)
        try:
            assay.promote("report-relevance", number, by="a test")
        finally:
            assay.close()
        done = finished(server, [REPORT, BETTER])
        scores[number] = done["score"]
        assert set(done) == {"task_id", "status", "score", "error"}
    assert scores[1] != scores[2]


def test_both_recipes_rank_nearly_as_well_as_can_be(trained: Path, made: dict[str, Any]) -> None:
    fresh = made["rows"](4_000, seed=99)
    truth = (fresh["relevant"] != "[]").to_numpy()
    best = average_precision_score(truth, made["best"](fresh))
    assay = Assay.at(trained)
    try:
        for number in (1, 2):
            loaded = assay.loader.load(assay.version("report-relevance", number))
            told = loaded.engine.run(fresh.drop("relevant").to_dict(as_series=False))
            assert average_precision_score(truth, told[:, 0]) > SLACK * best
            assert abs(float(np.mean(told)) - truth.mean()) < 0.02, "what is said in all is what is true in all"
    finally:
        assay.close()
