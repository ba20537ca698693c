"""P15: every item is scored once by each version that answers, and readers see complete sets that never go back."""

from __future__ import annotations

import random
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from assay.app import Assay
from assay.domain.releases.rollout import Arm
from assay.errors import StoreUnavailable
from tests import stamped
from tests.postgres import Cluster, PostgresMissing
from tests.promises.checker import rows
from tests.promises.conftest import Tally
from tests.promises.readers import Reader
from tests.promises.servers import Server, _signal, assay_of, children, start

ITEMS = {"pr": 120, "nightly": 2_000}
FLIPS = {"pr": 5, "nightly": 40}
READS = {"pr": 1_500, "nightly": 50_000}
READERS = 3
SOON_S = 240.0
QUICK: dict[str, Any] = {
    "job_workers": 1, "look_interval_s": 0.2, "lease_s": 1, "rescore_budget_s": 5, "poll_interval_s": 0.1
}  # fmt: skip
pytestmark = pytest.mark.xdist_group("server")


@pytest.fixture(scope="module")
def cluster(database_kind: str) -> Iterator[Cluster | None]:
    """A server of PostgreSQL that may be stopped, where the test is about that."""
    if database_kind == "sqlite":
        yield None
        return
    try:
        made = Cluster()
    except PostgresMissing as missing:
        pytest.skip(str(missing))
    yield made
    made.close()


@pytest.fixture
def assay(fresh_home: Path) -> Iterator[Assay]:
    """The application beside the server, as an operator's command opens it."""
    made = assay_of(fresh_home, application())
    yield made
    made.close()


def application() -> Path:
    """The folder of the application."""
    return stamped.application()


@dataclass
class Stage:
    """A server with readers, whom somebody disturbs; items are named by their places."""

    assay: Assay
    home: Path
    cluster: Cluster | None
    draw: random.Random = field(default_factory=lambda: random.Random(15))
    server: Server | None = None
    names: list[str] = field(default_factory=list)
    _left: list[str] = field(default_factory=list)

    def begin(self, unsafe: Sequence[str] = ()) -> None:
        """Starts the server."""
        self.server = start(self.home, application=application(), told=QUICK, unsafe=unsafe)

    def ask(self, path: str, body: bytes | None = None, method: str = "") -> Any:
        """One request, asked again while the server or its store is on its way up."""
        until = time.monotonic() + SOON_S
        while True:
            assert time.monotonic() < until, path
            try:
                if self.server is not None:
                    answer = self.server.ask(path, body, method=method, headers={})
                    if answer.status != 503:
                        return answer
            except OSError:
                pass
            time.sleep(0.1)

    def sweeps(self) -> list[dict[str, Any]]:
        """How far each version is."""
        found: list[dict[str, Any]] = self.ask("/v1/sweeps").json["results"]
        return found

    def add(self, place: int, seconds: int = 2) -> None:
        """Uploads a recording, in the place of the one that had the name."""
        path = f"/v1/items/{stamped.COLLECTION}/{stamped.name(place)}"
        assert self.ask(path, stamped.recording(place, seconds), "PUT").status in (200, 201)
        if stamped.name(place) not in self.names:
            self.names.append(stamped.name(place))

    def delete(self, place: int) -> None:
        """Deletes an item."""
        self.names.remove(stamped.name(place))
        path = f"/v1/items/{stamped.COLLECTION}/{stamped.name(place)}"
        assert self.ask(path, method="DELETE").status in (204, 404), "or it was killed after it had done so"

    def rule(self, version: int, **told: Any) -> None:
        """Has a version answer, as soon as the store lets it."""
        until(lambda: _tried(lambda: stamped.rule(self.assay, version, **told)))

    def disturb(self) -> str:
        """Kills or stops something, and says what."""
        acts = {
            "a job": self._kill_job, "a worker": self._kill_worker, "a web process": self._kill_web_process,
            "the server": self._restart,
        }  # fmt: skip
        if self.cluster is not None:
            acts["the database"] = self._restart_database
        if not self._left:
            self._left = self.draw.sample([*acts], len(acts))
        kind = self._left.pop()
        acts[kind]()
        return kind

    def _kill_job(self) -> None:
        for worker in self._notice()["jobs"]:
            for child in children(worker):
                _signal(child, signal.SIGKILL)

    def _kill_worker(self) -> None:
        for worker in self._notice()["jobs"]:
            _signal(worker, signal.SIGKILL)

    def _kill_web_process(self) -> None:
        _signal(self._notice()["workers"][0], signal.SIGKILL)

    def _restart(self) -> None:
        server, self.server = self.server, None
        if server is not None:
            server.kill()
        self.begin()

    def _restart_database(self) -> None:
        assert self.cluster is not None
        self.cluster.stop_at_once()
        self.cluster.start()

    def _notice(self) -> dict[str, Any]:
        assert self.server is not None
        return self.server.notice()

    def settle(self, version: int) -> None:
        """Waits until nothing is left to this version but what fails."""
        until(lambda: any(one["version"] == version and one["left"] == 0 for one in self.sweeps()))


@contextmanager
def reading(stage: Stage, *, rising: bool) -> Iterator[list[Reader]]:
    """Readers for as long as the block lasts."""

    def port() -> int:
        return stage.server.port if stage.server is not None else 0

    found = [Reader(port, lambda: list(stage.names), seed=seed, rising=rising) for seed in range(READERS)]
    for one in found:
        one.start()
    try:
        yield found
    finally:
        for one in found:
            one.stop()


@contextmanager
def staged(assay: Assay, home: Path, cluster: Cluster | None, items: int, versions: int) -> Iterator[Stage]:
    """A home with so many items and versions, of which the first answers, and a server that is not started yet."""
    for number in range(1, versions + 1):
        stamped.plant(assay, number)
    kept = stamped.keep(assay, range(items))
    stamped.rule(assay, 1)
    stage = Stage(assay, home, cluster, names=[one.name for one in kept])
    try:
        yield stage
    finally:
        if stage.server is not None:
            stage.server.kill()


@pytest.mark.timeout(3600)
def test_sweeps_under_kills_score_each_item_once_and_readers_never_see_less_or_older(
    assay: Assay, fresh_home: Path, cluster: Cluster | None, tier: str, tally: Callable[[str], Tally]
) -> None:
    count, flips, items = tally("P15"), FLIPS[tier], ITEMS[tier]
    with ExitStack() as stack:
        stage = stack.enter_context(staged(assay, fresh_home, cluster, items, 1 + flips))
        stage.begin()
        readers = stack.enter_context(reading(stage, rising=True))
        stage.settle(1)
        damaged = Damaged(stage, 3)
        disturbed = []
        for flip in range(flips):
            stage.rule(2 + flip)
            time.sleep(stage.draw.uniform(0.3, 1.5))
            stage.add(items + flip)
            stage.add(10 + flip, seconds=3)  # other bytes under a name
            stage.delete(40 + flip)
            disturbed.append(stage.disturb())
            if flip == 0:
                damaged.reported()
                damaged.mend()
            if flip % 2:
                stage.settle(2 + flip)
        stage.settle(1 + flips)
        until(lambda: sum(one.reads for one in readers) >= READS[tier])
        until(lambda: not any(one["failing"] or one["left"] for one in stage.sweeps()))
    reads = sum(one.reads for one in readers)
    found = [said for one in readers for said in one.violations] + wrong(fresh_home, 1 + flips)
    sys.stdout.write(f"{reads} reads of versions {set().union(*(one.versions for one in readers))}; {disturbed}\n")
    count.count(len(found), reads)
    assert found == []
    assert 1 + flips in set().union(*(one.versions for one in readers))


@pytest.mark.timeout(600)
def test_decisions_that_go_back_and_arms_are_followed_and_nothing_is_asked_again(
    assay: Assay, fresh_home: Path, cluster: Cluster | None, tally: Callable[[str], Tally]
) -> None:
    count = tally("P15")
    arms = (Arm(version=1, share=0.5), Arm(version=2, share=0.5))
    with ExitStack() as stack:
        stage = stack.enter_context(staged(assay, fresh_home, cluster, 60, 2))
        stage.begin()
        readers = stack.enter_context(reading(stage, rising=False))
        stage.settle(1)
        for version in (2, 1, 2, 1):
            stage.rule(version)
            stage.settle(version)
            until(lambda version=version: standing(fresh_home) == {version})  # type: ignore[misc]  # it is called at once
        before = rows(fresh_home, "SELECT count(*) AS n, min(at) AS at FROM scores")[0]["n"]
        stage.rule(1, experiment="x", arms=arms)
        until(lambda: standing(fresh_home) == {1, 2})
        stage.disturb()
        until(lambda: sum(one.reads for one in readers) >= 500)
        assert rows(fresh_home, "SELECT count(*) AS n FROM scores")[0]["n"] == before == 2 * 60
    found = [said for one in readers for said in one.violations]
    count.count(len(found), sum(one.reads for one in readers))
    assert found == []


@pytest.mark.timeout(600)
def test_without_standings_half_a_set_is_seen(assay: Assay, fresh_home: Path, cluster: Cluster | None) -> None:
    with ExitStack() as stack:
        stage = stack.enter_context(staged(assay, fresh_home, cluster, 150, 12))
        stage.begin(["no-standing"])
        readers = stack.enter_context(reading(stage, rising=True))
        version = 1
        waited = time.monotonic() + SOON_S
        while not any(one.violations for one in readers):
            assert time.monotonic() < waited, "nobody noticed"
            version = min(version + 1, 12)
            stage.rule(version)
            time.sleep(1.5)
    assert any("confidences of" in said for one in readers for said in one.violations)


def test_the_checker_notices_what_it_is_for() -> None:
    name = stamped.name(5)

    def told(version: int, seconds: int = 2, decision: int = 1, run: int = 0, **more: Any) -> dict[str, Any]:
        values = {"low": round(stamped.stamp(version), 6), "middle": stamped.loudness(5), "high": 0.1}
        entries = [
            {"label": label, "second": second, "confidence": value}
            for second in range(seconds)
            for label, value in values.items()
        ]
        one = {"version": version, "run": run, "decision": decision, "seconds": 2, "confidences": entries} | more
        return {"item": "a", "duration": 2, "results": [one]}

    def noticed(*answers: dict[str, Any], rising: bool = True) -> list[str]:
        reader = Reader(lambda: 0, list, rising=rising)
        for one in answers:
            reader.check(name, one)
        return reader.violations

    assert noticed({"item": "a", "duration": 2, "results": []}, told(1), told(1), told(2, decision=2)) == []
    assert noticed(told(1), told(2, decision=2), told(1, decision=3), rising=False) == []
    assert noticed(told(2), {**told(1), "item": "b"}) == [], "another item under the name"
    assert noticed(told(1, seconds=1))
    assert noticed(told(1, confidences=told(2)["results"][0]["confidences"]))
    assert noticed(told(1), {**told(1), "results": []})
    assert noticed(told(1, decision=2), told(1, decision=1))
    assert noticed(told(1, run=2), told(1, run=1))
    assert noticed(told(2), told(1, decision=2))
    forged = told(1)
    forged["results"][0]["confidences"][1]["confidence"] = 0.9
    assert noticed(forged)


class Damaged:
    """The bytes of one item that are not what they should be, until they are mended."""

    def __init__(self, stage: Stage, place: int) -> None:
        self._stage = stage
        item = stage.assay.items.find(stamped.COLLECTION, stamped.name(place))
        self._file = stage.assay.artifacts.path(item.digest)
        self._data = self._file.read_bytes()
        self._file.write_bytes(b"RIFF")

    def reported(self) -> None:
        """Waits until it is told that the item fails, and why, while others are scored."""
        until(lambda: any(self._told(one) for one in self._stage.sweeps()))
        assert any(one["scored"] > 0 for one in self._stage.sweeps())

    def mend(self) -> None:
        """As an operator would."""
        self._file.write_bytes(self._data)
        assert self._stage.ask(f"/v1/sweeps/{stamped.COLLECTION}", b"", "POST").status == 202

    @staticmethod
    def _told(one: dict[str, Any]) -> bool:
        return any(reason["code"] == "artifact_rejected" and reason["items"] == 1 for reason in one["reasons"])


def wrong(home: Path, version: int) -> list[str]:
    """Every way in which the store is not as it should be once all is settled."""
    live = {row["id"]: row["name"] for row in rows(home, "SELECT id, name FROM items WHERE ended_at IS NULL")}
    named = {row["name"] for row in rows(home, "SELECT name FROM items WHERE ended_at IS NULL")}
    ended = {row["id"] for row in rows(home, "SELECT id, name FROM items") if row["name"] not in named}
    scores = rows(home, "SELECT id, item, model, version, run, seconds, length(confidences) AS size FROM scores")
    said = [(row["item"], row["model"], row["version"], row["run"]) for row in scores]
    made = {row["id"]: row for row in scores}
    stood = {row["item"]: row for row in rows(home, "SELECT item, score, version FROM standings")}
    found = [f"{one} was scored {said.count(one)} times" for one in set(said) if said.count(one) > 1]
    found += [f"a set of {row['size']} bytes" for row in scores if row["size"] != 4 * 3 * row["seconds"]]
    found += [
        f"{name} was not scored by version {version}"
        for id, name in live.items()
        if (id, "notes", version, 0) not in said
    ]
    found += [
        f"{name} does not stand by version {version}" for id, name in live.items() if stood[id]["version"] != version
    ]
    found += [f"{item} is given a set that is not there" for item, row in stood.items() if row["score"] not in made]
    found += [f"a set of the deleted {row['item']}" for row in scores if row["item"] in ended]
    return found


def standing(home: Path) -> set[int]:
    """The versions of what readers are given."""
    query = "SELECT DISTINCT s.version FROM standings s JOIN items i ON i.id = s.item WHERE i.ended_at IS NULL"
    return {row["version"] for row in rows(home, query)}


def until(holds: Callable[[], object]) -> None:
    """Waits until it holds."""
    waited = time.monotonic() + SOON_S
    while not holds():
        assert time.monotonic() < waited, "it never came true"
        time.sleep(0.1)


def _tried(act: Callable[[], object]) -> bool:
    try:
        act()
    except StoreUnavailable:
        return False
    return True
