"""A remote model that misbehaves is told to its clients as such, in time and on the record, and troubles no other model.

The endpoint is a process of its own, and so is the server. The database has no part in it.
"""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from assay.training.run import Plan
from tests import endpoint
from tests.endpoint import Endpoint
from tests.promises.servers import APPLICATION, NOTE, Answer, Server, assay_of, copy_of, start

pytestmark = pytest.mark.xdist_group("server")

RECIPE = '''

@notes.recipe
def asked() -> Any:
    """Asks somebody else."""
    from assay.recipes.remote import remote

    return remote(
        "http://127.0.0.1:PORT/rows", method="POST", asks="rows", response={"at": "outputs.probabilities"},
        body={"inputs": {"CARAT": "{weight}"}}, retries=1, backoff_s=0.01, timeout_s=1.5, failures=FAILURES, rest_s=2,
    )
'''
FAILURES = 8
TIMEOUT_S, REST_S = 1.5, 2.0
LONGEST = 3  # of 30 clients that ask at the same time, in time-outs: what is asked at a time, and what waits for it


@dataclass(frozen=True)
class Scene:
    """A server with a model of its own and one that asks an endpoint."""

    server: Server
    remote: Endpoint

    def ask(self, **told: float) -> Answer:
        """A question to the model that asks."""
        return self.server.ask("/v1/models/notes/predict", json.dumps({**NOTE, **told}).encode(), timeout_s=30)


@pytest.fixture(scope="module")
def database_kind() -> str:
    """Nothing here depends on the database."""
    return "sqlite"


@pytest.fixture(scope="module")
def running(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    place = tmp_path_factory.mktemp("remote")
    application = place / "stones"
    shutil.copytree(APPLICATION, application)
    home = copy_of(trained, place / "home")
    with endpoint.listening() as remote:
        with (application / "model.py").open("a") as model:
            model.write(RECIPE.replace("PORT", str(remote.port)).replace("FAILURES", str(FAILURES)))
        assay = assay_of(home, application)
        made = assay.train(assay.application.model("notes"), None, Plan(only=("asked",), promote=False)).versions[0]
        assert made.status == "ready", made.error
        assay.promote("notes", made.number, by="a test")
        assay.close()
        server = start(home, application=application)
        yield Scene(server, remote)
        server.kill()


@pytest.fixture
def scene(running: Scene) -> Scene:
    """The scene with everything well, the circuit closed."""
    running.remote.mood("good")
    until = time.monotonic() + 10
    while running.ask(weight=1.0).status != 200:
        assert time.monotonic() < until
        time.sleep(0.1)
    running.remote.mood("good")
    return running


def test_it_answers_as_any_model_does(scene: Scene) -> None:
    answer = scene.ask(weight=2.25)
    assert (answer.status, answer.json["prediction"], answer.json["version"]) == (200, 4.5, 2)


@pytest.mark.parametrize(
    ("mood", "status", "code"),
    [
        (("status", 500), 502, "remote_model_failed"), (("busy",), 502, "remote_model_failed"),
        (("elsewhere",), 502, "remote_model_failed"), (("status", 404), 502, "remote_model_refused"),
        (("reset",), 502, "remote_model_unreachable"), (("cut",), 502, "remote_model_unreachable"),
        (("nonsense",), 502, "remote_model_bad_answer"), (("nan",), 502, "remote_model_bad_answer"),
        (("huge",), 502, "remote_model_bad_answer"), (("says", '{"outputs": {"p": [1]}}'), 502, "remote_model_bad_answer"),
        (("says", '{"outputs": {"probabilities": [1, 2]}}'), 502, "remote_model_bad_answer"),
        (("hang",), 504, "remote_model_timed_out"), (("drip",), 504, "remote_model_timed_out"),
        (("drip_head",), 504, "remote_model_timed_out"),
    ],
)  # fmt: skip
def test_each_trouble_has_its_word_is_told_in_time_and_recorded(
    scene: Scene, mood: tuple[object, ...], status: int, code: str
) -> None:
    scene.remote.mood(*mood)
    began = time.monotonic()
    answer = scene.ask()
    assert time.monotonic() - began < TIMEOUT_S + 1
    assert (answer.status, answer.code) == (status, code)
    assert str(scene.remote.port) not in answer.json["detail"]
    exchange = scene.server.exchange(answer.headers["x-request-id"])
    assert exchange is not None
    assert exchange["status"] == status
    scene.remote.mood("good")
    assert scene.ask(weight=1.0).status == 200


def test_who_fails_too_often_rests_and_comes_back_by_itself(scene: Scene) -> None:
    scene.remote.mood("status", 500)
    codes = [scene.ask().code for _ in range(FAILURES + 3)]
    assert codes == ["remote_model_failed"] * FAILURES + ["remote_model_resting"] * 3
    answer = scene.ask()
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert len(scene.remote.seen["requests"]) == 2 * FAILURES
    scene.remote.mood("good")
    assert scene.ask().status == 503
    time.sleep(REST_S + 0.2)
    assert [scene.ask(weight=1.0).status for _ in range(3)] == [200, 200, 200]


def test_while_it_hangs_the_other_model_answers_and_nothing_piles_up(scene: Scene) -> None:
    threads = len(list(Path(f"/proc/{scene.server.worker}/task").iterdir()))
    scene.remote.mood("hang")
    told: list[tuple[int, float]] = []

    def ask() -> None:
        began = time.monotonic()
        told.append((scene.ask().status, time.monotonic() - began))

    clients = [threading.Thread(target=ask) for _ in range(30)]
    for one in clients:
        one.start()
    slowest = 0.0
    for _ in range(40):
        began = time.monotonic()
        assert scene.server.predict().status == 200
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(0.02)
    for one in clients:
        one.join()
    assert slowest < TIMEOUT_S
    assert {status for status, _ in told} <= {503, 504}
    assert max(took for _, took in told) < (FAILURES + LONGEST) * TIMEOUT_S
    assert len(list(Path(f"/proc/{scene.server.worker}/task").iterdir())) <= threads + 4
    assert scene.remote.seen["most"] <= 4
    scene.remote.mood("good")
    time.sleep(REST_S + 0.2)
    assert scene.ask(weight=1.0).status == 200


def test_a_server_starts_while_it_is_away(scene: Scene, tmp_path: Path) -> None:
    scene.remote.mood("hang")
    assert scene.server.stop() == 0
    again = start(scene.server.home, application=scene.server.home.parent / "stones")
    try:
        assert again.predict().status == 200
        assert again.predict(NOTE, model="notes").status == 504
        scene.remote.mood("good")
        assert again.predict(NOTE, model="notes").status == 200
    finally:
        again.kill()
