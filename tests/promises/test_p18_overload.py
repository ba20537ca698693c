"""P18: ten times what a model can do is answered with 200, 202 or 503 and nothing else, and all is well again soon after."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests import homes
from tests.promises import zoos
from tests.promises.checker import rows, violations
from tests.promises.conftest import Tally
from tests.promises.ledger import Acknowledged, Asked, acknowledged, request_bytes, response
from tests.promises.servers import Server, assay_of, copy_of, serving
from tests.promises.zoos import ZOO, ask

SECONDS = {"pr": 6, "nightly": 60}
ROW_S = 0.05  # that the model takes for a question: twenty a second
RATE = 200  # a second, ten times as many
WAIT_S = 1.0
MOST_TASKS = 50
RECOVERED_S = 5.0
MOST_MB = 150  # that the processes may grow by
BEASTS = "/v1/models/zoo/predict"
GOOD = frozenset({200, 202, 429, 503})


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return zoos.trained(None, tmp_path_factory.mktemp("zoo"))


@pytest.fixture
def home(zoo: Path, tmp_path: Path) -> Iterator[Path]:
    made = copy_of(zoo, tmp_path / "home")
    yield made
    homes.forgotten(made)


@dataclass
class Flood:
    """What came of a flood: every answer, and how many requests were not answered at all."""

    answers: list[tuple[Acknowledged, float]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    sent: int = 0
    unanswered: int = 0

    @property
    def statuses(self) -> Counter[int]:
        """How often each status was sent."""
        return Counter(one.status for one, _ in self.answers)


async def flood(server: Server, seconds: float, headers: Mapping[str, str]) -> Flood:
    """As many requests a second as it says, each on a connection of its own, however many are still to be answered."""
    found = Flood()
    body = json.dumps(ask("slow", ROW_S)).encode()

    async def one() -> None:
        asked, began = Asked(BEASTS, body, headers), time.monotonic()
        writer = None
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(request_bytes(asked))
            status, told, answer = await asyncio.wait_for(response(reader), 60)
        except (ConnectionError, TimeoutError, asyncio.IncompleteReadError):
            found.unanswered += 1
            return
        finally:
            if writer is not None:
                writer.close()
        found.answers.append((acknowledged(asked, status, told, answer, server.pid), time.monotonic() - began))
        found.headers.append(told)
        if status == 202:
            found.ids.append(json.loads(answer)["id"])

    asking = []
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        while found.sent < passed * RATE:
            asking.append(asyncio.create_task(one()))
            found.sent += 1
        await asyncio.sleep(0.005)
    await asyncio.gather(*asking)
    return found


def resident_mb(server: Server) -> float:
    """The memory of the web processes and predictors."""
    pids = [*server.workers, *server.notice()["tasks"]]
    told = [Path(f"/proc/{pid}/status").read_text() for pid in pids]
    return sum(int(one.split("VmRSS:")[1].split()[0]) for one in told) / 1024


def recovered(server: Server) -> float:
    """Seconds until a plain question to the model that was flooded is answered again."""
    began = time.monotonic()
    while server.predict(ask(), model="zoo").status != 200:
        assert time.monotonic() - began < 60
        time.sleep(0.05)
    return time.monotonic() - began


def unannounced(found: Flood) -> int:
    """Refusals that do not say when to come again."""
    return sum(
        one.status in (429, 503) and not told.get("retry-after", "").isdigit()
        for (one, _), told in zip(found.answers, found.headers, strict=True)
    )


@pytest.mark.timeout(600)
@pytest.mark.xdist_group("server")
def test_ten_times_what_a_model_can_do_is_refused_in_words_and_forgotten_soon(
    home: Path, tier: str, tally: Callable[[str], Tally]
) -> None:
    with serving(home, application=ZOO, told={"longest_wait_s": WAIT_S, "model_timeout_s": 20}) as server:
        assert server.predict(ask(), model="zoo").status == 200
        before = resident_mb(server)
        found = asyncio.run(flood(server, SECONDS[tier], {}))
        grown, again = resident_mb(server) - before, recovered(server)
        well = server.predict({"weight": 3.0}, model="well")
    wrong = found.unanswered + sum(count for status, count in found.statuses.items() if status not in GOOD)
    tally("P18").count(wrong + unannounced(found), found.sent)
    assert (wrong, unannounced(found)) == (0, 0), found.statuses
    assert len(found.answers) == found.sent
    assert found.statuses[503] > found.statuses[200] > 0
    assert grown < MOST_MB
    assert again < RECOVERED_S
    assert well.status == 200
    assert violations(home, [one for one, _ in found.answers]) == []


@pytest.mark.timeout(600)
@pytest.mark.xdist_group("server")
def test_no_more_tasks_are_accepted_than_may_wait_and_all_of_those_are_done(
    home: Path, tier: str, tally: Callable[[str], Tally]
) -> None:
    told: dict[str, Any] = {"predict_workers": 1, "max_queued_tasks": MOST_TASKS}
    with serving(home, application=ZOO, told=told) as server:
        before = resident_mb(server)
        found = asyncio.run(flood(server, SECONDS[tier], {"Prefer": "respond-async"}))
        grown = resident_mb(server) - before
        again = server.ask(
            BEASTS, json.dumps(ask()).encode(), headers={"Content-Type": "application/json", "Prefer": "wait=0"}
        )
        assay = assay_of(home, ZOO)
        zoos.until(lambda: len(assay.tasks.ended(found.ids)) == len(found.ids))
        states = Counter(job.state for job in assay.tasks.ended(found.ids))
        assay.close()
    wrong = found.unanswered + sum(count for status, count in found.statuses.items() if status not in GOOD)
    tally("P18").count(wrong + unannounced(found) + len(found.ids) - states["succeeded"], found.sent)
    assert (wrong, unannounced(found)) == (0, 0), found.statuses
    assert states == {"succeeded": found.statuses[202]}, "an accepted task is lost"
    assert found.statuses[503] > found.statuses[202] >= MOST_TASKS
    assert grown < MOST_MB
    assert again.status in (202, 503)
    answers = Counter(row["exchange"] for row in rows(home, "SELECT exchange FROM predictions"))
    assert all(answers[one.exchange] == 1 for one, _ in found.answers if one.status == 202)


@pytest.mark.timeout(600)
@pytest.mark.xdist_group("server")
def test_without_the_bounds_everything_is_taken_in(home: Path) -> None:
    told: dict[str, Any] = {"max_queued_tasks": 1_000_000, "longest_wait_s": 3600}
    with serving(home, application=ZOO, told=told) as server:
        found = asyncio.run(flood(server, 2, {"Prefer": "respond-async"}))
    assert set(found.statuses) == {202}
    assert found.statuses[202] > MOST_TASKS
