"""P19: a model that crashes, hangs, floods, leaks or holds the interpreter's lock harms nobody but whoever asks it so."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.asked import accept, task
from tests.promises import zoos
from tests.promises.conftest import Tally
from tests.promises.servers import Server, assay_of, copy_of, start
from tests.promises.zoos import ZOO, ask

TIMEOUT_S = 3.0
LATER = {"Content-Type": "application/json", "Prefer": "respond-async"}
WELL = {"weight": 3.0}
# what a deed comes to for whoever asks for it: a status, and the code of a task's failure
DEEDS = {
    "raise": (500, "model_error"), "nan": (500, "model_bad_output"), "segv": (500, "model_error"),
    "exit": (500, "model_error"), "hang": (504, "model_timeout"), "spin": (504, "model_timeout"), "flood": (200, ""),
    "leak": (200, ""),
}  # fmt: skip


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return zoos.trained(None, tmp_path_factory.mktemp("zoo"))


@pytest.fixture(scope="module")
def server(zoo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = copy_of(zoo, tmp_path_factory.mktemp("bad") / "home")
    told = {"predict_workers": 1, "model_timeout_s": TIMEOUT_S}
    made = start(home, application=ZOO, told=told)
    yield made
    made.kill()


class Neighbour(threading.Thread):
    """Asks the model that is well, all the time."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self.answers: list[int] = []
        self.longest_s = 0.0
        self._server = server
        self._over = threading.Event()

    def run(self) -> None:
        """Until it is told to stop."""
        while not self._over.wait(0.02):
            began = time.monotonic()
            self.answers.append(self._server.predict(WELL, model="well").status)
            self.longest_s = max(self.longest_s, time.monotonic() - began)

    def stop(self) -> list[int]:
        """The answers that were no good ones."""
        self._over.set()
        self.join(60)
        return [status for status in self.answers if status != 200]


@pytest.mark.timeout(600)
@pytest.mark.xdist_group("server")
@pytest.mark.parametrize("deed", DEEDS)
def test_a_deed_harms_only_whoever_asks_for_it(server: Server, deed: str, tally: Callable[[str], Tally]) -> None:
    status, code = DEEDS[deed]
    neighbour = Neighbour(server)
    neighbour.start()
    body = json.dumps(ask(deed)).encode()
    answer = server.ask("/v1/models/zoo/predict", body, headers={"Content-Type": "application/json"}, timeout_s=120)
    alive = server.ask("/livez").status
    asked = len(neighbour.answers)
    zoos.until(lambda: len(neighbour.answers) > asked + 2)  # also after the deed
    harmed = neighbour.stop()
    tally("P19").count(len(harmed) + (answer.status != status), len(neighbour.answers) + 1)
    assert (answer.status, answer.code) == (status, code)
    assert harmed == []
    assert alive == 200
    assert server.alive(), "a process of the server has ended"


@pytest.mark.timeout(900)
@pytest.mark.xdist_group("server")
def test_a_deed_in_a_task_harms_neither_its_neighbours_nor_another_models_tasks(
    server: Server, tally: Callable[[str], Tally]
) -> None:
    """All deeds are in one batch with tasks of the same model, while another model has tasks too."""
    asked = [ask(deed) for deed in ("raise", "segv", "hang", "nan")]
    mixed = [one for pair in zip(asked, [ask()] * len(asked), strict=True) for one in pair]
    assay = assay_of(server.home, ZOO)
    try:
        began = time.monotonic()
        bad = accept(assay.database, *(task(one, model="zoo") for one in mixed))
        good = accept(assay.database, *(task(WELL, model="well") for _ in range(20)))
        zoos.until(lambda: len(assay.tasks.ended(good)) == len(good))
        others_s = time.monotonic() - began
        zoos.until(lambda: len(assay.tasks.ended(bad)) == len(bad), 400)
        found: dict[str, Any] = assay.tasks.seen([*bad, *good])
    finally:
        assay.close()
    wrong = [
        (one["kind"], found[id].state, found[id].code)
        for id, one in zip(bad, mixed, strict=True)
        if (found[id].state, found[id].code)
        != (("succeeded", "") if one["kind"] == "well" else ("failed", DEEDS[one["kind"]][1]))
    ]
    wrong += [("another's", found[id].state, found[id].code) for id in good if found[id].state != "succeeded"]
    tally("P19").count(len(wrong), len(bad) + len(good))
    assert wrong == []
    assert others_s < time.monotonic() - began, "the other model's tasks waited for those that hang"
    assert {found[id].attempts for id in bad} == {1}
