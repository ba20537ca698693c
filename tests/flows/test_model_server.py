"""A version may be a model on a server of TensorFlow Serving's protocol: asked for entities, trusted in nothing, recorded."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest

from assay.app import Assay
from assay.training.run import Plan
from tests import modelserver
from tests.modelserver import ModelServer
from tests.promises.servers import Server, serving

pytestmark = pytest.mark.xdist_group("server")
IDS = ("id-sea", "id-sky", "id-land")
MODEL = '''"""What is this user interested in?"""

from __future__ import annotations

from typing import Any

import assay

LABELS = {"Sea": "id-sea", "Sky": "id-sky", "Land": "id-land"}


class Profile(assay.Input):
    """A user."""

    type: str = assay.Category("B2B", "B2C")
    titles: str = assay.Text()


users = assay.Features("users", Profile)
interests = assay.Model(
    "interests", input=Profile, features=users, target="interests", labels=tuple(LABELS), metric="average_precision",
    keep_equal=True,
)


@interests.recipe
def served() -> Any:
    """The model that the model server has."""
    from assay.recipes.remote import remote

    inputs = {"USER_HANDLE": "{empty}", "USER_TYPE": "{type}", "CONTENT_TITLES_JOINED": "{titles}", "top_k": len(LABELS)}
    return remote(
        "URL", method="POST", asks="rows", body={"inputs": inputs}, timeout_s=1, retries=0, failures=1000,
        response={"at": "outputs.probabilities", "labels_at": "outputs.interests_ids", "called": LABELS, "logits": True},
    )
'''
DATA = '''"""Made-up users."""

import json

import polars as pl

TITLES = [("id-sea id-sea", ["Sea"]), ("id-sky", ["Sky"]), ("id-sky id-land", ["Sky", "Land"]), ("", [])]


def users() -> pl.DataFrame:
    return pl.DataFrame([{"id": f"u{n}", "type": "B2B", "titles": TITLES[n % 4][0]} for n in range(40)])


def rows() -> pl.DataFrame:
    return pl.DataFrame([{"id": f"u{n}", "interests": json.dumps(TITLES[n % 4][1])} for n in range(40)])
'''
API = '''"""The team's own route."""

from typing import Any

from fastapi import APIRouter

from model import interests

router = APIRouter()


@router.get("/interests/{user}")
async def one(user: str) -> dict[str, Any]:
    return (await interests.predict_for(user)).prediction
'''


@dataclass(frozen=True)
class Flow:
    """A served application whose version asks a model server."""

    server: Server
    remote: ModelServer


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flow]:
    place = tmp_path_factory.mktemp("flow")
    folder, home = place / "app", place / "home"
    folder.mkdir()
    with modelserver.serving(IDS) as remote:
        for name, text in (("model.py", MODEL.replace("URL", remote.url)), ("data.py", DATA), ("api.py", API)):
            (folder / name).write_text(text)
        for module in ("model", "data", "api"):
            sys.modules.pop(module, None)
        with closing(Assay.at(folder, home=home)) as assay:
            run = assay.train(assay.application.model(None), None, Plan())
            assert run.versions[0].error == "" and run.rollout is not None
            assert run.versions[0].metrics["average_precision"] == 1.0
        with serving(home, application=folder) as server:
            yield Flow(server, remote)


@pytest.fixture(autouse=True)
def good(flow: Flow) -> None:
    flow.remote.be("good")


def test_logits_in_any_order_become_confidences_by_label(flow: Flow) -> None:
    answer = flow.server.ask("/interests/u2")
    assert answer.status == 200
    expected = {"Sea": -2.0, "Sky": 2.0, "Land": 2.0}
    assert answer.json == pytest.approx(
        {label: 1 / (1 + math.exp(-score)) for label, score in expected.items()}, abs=1e-6
    )
    assert flow.server.ask("/interests/u0").json["Sea"] == pytest.approx(1 / (1 + math.exp(-6.0)), abs=1e-6)


@pytest.mark.parametrize(
    ("mood", "status", "code"),
    [
        ("failing", 502, "remote_model_failed"),
        ("odd", 502, "remote_model_bad_answer"),
        ("slow", 504, "remote_model_timed_out"),
    ],
)
def test_a_failure_is_a_problem_and_recorded(flow: Flow, mood: str, status: int, code: str) -> None:
    flow.remote.be(mood)
    answer = flow.server.ask("/interests/u1")
    assert (answer.status, answer.code, answer.headers["content-type"]) == (status, code, "application/problem+json")
    recorded = flow.server.exchange(answer.headers["x-request-id"])
    assert recorded is not None and recorded["status"] == status
    assert json.loads(recorded["response"])["code"] == code
    flow.remote.be("good")
    assert flow.server.ask("/interests/u1").status == 200


def test_a_user_whom_nobody_knows_is_not_asked_for(flow: Flow) -> None:
    assert flow.server.ask("/interests/nobody").code == "entity_not_found"
