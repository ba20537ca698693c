"""P8 on three hosts: one decision reaches every process of each, whoever is killed, stopped or cut off, and is never undone."""

from __future__ import annotations

import http.client
import json
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from assay.app import Assay
from assay.clock import now_us, parse_iso
from assay.errors import VersionNotReady
from tests import homes
from tests.postgres import PostgresMissing
from tests.promises import hosts
from tests.promises.asking import Asking, entries, load
from tests.promises.checker import rows, violations
from tests.promises.conftest import Tally
from tests.promises.hosts import Host, HostsMissing, Network
from tests.promises.servers import APPLICATION, assay_of, copy_of
from tests.promises.test_p08_promotion import mixed_answers

NAMES = ("web-1", "web-2", "web-3")
WORKERS = 2
CONNECTIONS = 4  # a host
PORT = 8000
READY_S = 60.0
FLIPS = {"pr": 2, "nightly": 40}
LATE_US = 2_500_000  # two seconds, and the way there and back
SILENCE_S = 6.0
SLACK_S = 4.0  # three busy servers share the processors of this machine
ASSAY = Path(sys.executable).with_name("assay")
# a server that never asks who rules before it answers: what the look is for must be noticed without it
CARELESS = """
import assay.serving.served, assay.serving.shelf
assay.serving.served.FRESH_US = assay.serving.shelf.FRESH_US = 10**18
"""
# on a machine that is busy the guard takes switches back because answers become slow, which is right and not asked for here
CALM = """
import assay.app.looking
assay.app.looking.Duties.guard = lambda self: None
"""
pytestmark = pytest.mark.xdist_group("server")


@dataclass(frozen=True)
class Decision:
    """A promotion or rollback: between these two times of the machine's clock it was made."""

    version: int
    begun: int
    done: int


@dataclass
class Town:
    """Three hosts that serve one application, with one database and one folder of files."""

    network: Network
    home: Path  # the operator's, on this machine
    decisions: list[Decision] = field(default_factory=list)

    @property
    def hosts(self) -> list[Host]:
        return self.network.hosts

    @contextmanager
    def operator(self) -> Iterator[Assay]:
        """The application as an operator's command opens it, on no host."""
        made = assay_of(self.home)
        try:
            yield made
        finally:
            made.close()

    def serve(self, host: Host, *, careless: bool = False) -> None:
        """`assay serve` with two web processes, and `assay work`."""
        environment = {
            "ASSAY_DATABASE_URL": hosts.over(self.network, homes.url_of(self.home) or ""),
            "ASSAY_ARTIFACTS": str(self.home / "artifacts"), "ASSAY_HOME": str(self.network.folder / host.name),
            "ASSAY_JOB_WORKERS": "0",
        }  # fmt: skip
        calm, planted = self.planted("calm", CALM), self.planted("careless", CARELESS)
        told = ["--open", "--host", host.address, "--port", str(PORT), "--workers", str(WORKERS), "--drain-delay", "0"]
        serving = [str(ASSAY), "serve", str(APPLICATION), *told]
        host.run(serving, environment | ({"PYTHONPATH": str(planted)} if careless else {}))
        host.run([str(ASSAY), "work", str(APPLICATION)], environment | {"PYTHONPATH": str(calm)})

    def planted(self, name: str, text: str) -> Path:
        """A folder from which every Python reads this first."""
        folder = self.network.folder / name
        folder.mkdir(exist_ok=True)
        (folder / "sitecustomize.py").write_text(text)
        return folder

    def change(self, version: int, assay: Assay) -> tuple[Decision, float]:
        """A promotion, and how long it took."""
        if not self.decisions:
            self.decisions.append(Decision(assay.ruling("stones").version, 0, now_us()))
        begun, since = now_us(), time.monotonic()
        assay.promote("stones", version, by="test")
        if self.decisions[-1].version != version:  # else nothing was to be decided
            self.decisions.append(Decision(version, begun, now_us()))
        return self.decisions[-1], time.monotonic() - since

    def until_switched(self, decision: Decision, among: Iterable[Host]) -> float:
        """Waits until every process of these hosts says that the version answers; seconds after the decision, at most."""
        latest = decision.begun
        for host in among:
            latest = max(latest, *eventually(partial(switched, host, decision)))
        return (latest - decision.done) / 1e6


def switched(host: Host, decision: Decision) -> list[int]:
    """When the processes of a host have switched to what was decided, once all have."""
    found = [line for line in said(host, "version_answers") if line["model"] == "stones"]
    times = [
        at for line in found if line["version"] == decision.version and (at := parse_iso(line["timestamp"])) > decision.begun
    ]  # fmt: skip
    return times if len(times) >= WORKERS else []


def said(host: Host, event: str) -> list[dict[str, Any]]:
    """The lines of a host's log about an event."""
    lines = host.log.read_text().splitlines()
    return [json.loads(line) for line in lines if f'"{event}"' in line and line.endswith("}")]


def eventually(holds: Callable[[], Any], within_s: float = READY_S) -> Any:
    """What it comes to, once that is something."""
    until = time.monotonic() + within_s
    while not (found := holds()):
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.02)
    return found


def status(host: Host, path: str) -> int:
    """How a host answers."""
    made = http.client.HTTPConnection(host.address, PORT, timeout=20)
    try:
        made.request("GET", path, headers={"Host": "127.0.0.1"})
        return made.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        made.close()


def whole(host: Host) -> bool:
    """Whether all its processes answer."""
    return len(said(host, "version_answers")) >= 2 * WORKERS and status(host, "/readyz") == 200


@pytest.fixture(scope="module")
def town(trainings: Callable[..., Path]) -> Iterator[Town]:
    """The town, in which `stones` is answered by version 1."""
    try:
        with hosts.network(*NAMES) as network, hosts.reachable_cluster(network) as cluster:
            made = Town(network, copy_of(trainings(cluster), network.folder / "home"))
            for host in made.hosts:
                made.serve(host)
            for host in made.hosts:
                eventually(partial(whole, host))
            yield made
    except (HostsMissing, PostgresMissing) as missing:
        pytest.skip(str(missing))


def clients(town: Town, among: Iterable[Host]) -> list[Asking]:
    """Who asks these hosts, each connection once."""
    return [
        Asking(host.address, PORT, name=host.name, source=town.network.clients, seed=seed)
        for host in among
        for seed in range(CONNECTIONS)
    ]


def untimely(town: Town, asking: Iterable[Asking], since: int) -> tuple[list[str], float]:
    """Answers of a version that did not rule, and by how many seconds the latest of an old one came after its end.

    `since` is how many decisions had been made before. Versions come again, so a connection is followed from one decision
    to the next: it may stay for two seconds, and goes back never.
    """
    given = {row["exchange"]: row for row in rows(town.home, "SELECT exchange, version, at FROM predictions")}
    told: dict[str, list[tuple[int, int]]] = {}
    for one in asking:
        for entry in one.told:
            row = given.get(entry.asked.exchange)
            if row is not None and entry.asked.version is not None:
                told.setdefault(entry.connection, []).append((row["at"], row["version"]))
    wrong, latest = [], 0.0
    for connection, answers in told.items():
        found, late = followed(answers, town.decisions[max(0, since - 1) :])
        wrong += [f"{connection}: {line}" for line in found]
        latest = max(latest, late)
    return wrong, latest


def followed(answers: list[tuple[int, int]], decisions: list[Decision]) -> tuple[list[str], float]:
    """What is wrong with the answers of one process, in their order, and how late the latest of an old version was."""
    place, wrong, latest = 0, list[str](), 0.0
    for at, version in answers:
        later = [
            n for n in range(place, len(decisions)) if decisions[n].version == version and decisions[n].begun <= at
        ]
        if not later:
            wrong.append(f"version {version} answered at {at}, when it did not rule (any more, or yet)")
            continue
        place = later[0]
        over = decisions[place + 1].done if place + 1 < len(decisions) else at
        latest = max(latest, (at - over) / 1e6)
        if at - over > LATE_US:
            wrong.append(f"version {version} answered {(at - over) / 1e6:.1f} s after another had taken over")
    return wrong, latest


def test_the_checker_notices_what_it_is_for() -> None:
    first, second, third = Decision(1, 0, 1), Decision(2, 10**7, 10**7 + 10), Decision(1, 4 * 10**7, 4 * 10**7 + 10)
    decided = [first, second, third]
    assert followed([(5, 1), (10**7 + 5, 1), (10**7 + 6, 2), (4 * 10**7 + 5, 2), (5 * 10**7, 1)], decided)[0] == []
    assert followed([(5, 2)], decided)[0], "before it was decided"
    assert followed([(2 * 10**7, 1)], decided)[0], "long after another took over"
    assert followed([(10**7 + 20, 2), (10**7 + 30, 1)], decided)[0], "back to the old one"
    assert followed([(5 * 10**7, 2)], decided)[0]


@pytest.mark.timeout(600)
def test_a_decision_reaches_every_process_of_every_host_within_two_seconds(
    town: Town, tier: str, tally: Callable[[str], Tally]
) -> None:
    count, since, delays = tally("P8"), len(town.decisions), dict[str, float]()
    with town.operator() as assay, load(clients(town, town.hosts)) as asking:
        for mute in (False, True):
            if mute:  # nobody is told: everybody has to look
                assay.database.tell = lambda _connection, *_: None  # type: ignore[method-assign]  # the fault is planted
            for flip in range(FLIPS[tier]):
                decision, _ = town.change(2 - flip % 2, assay)
                reached = town.until_switched(decision, town.hosts)
                delays[f"mute {mute}"] = max(delays.get(f"mute {mute}", 0.0), reached)
                time.sleep(0.5)  # so that some are asked who think that nothing changes any more
    found = entries(asking)
    wrong, latest = untimely(town, asking, since)
    wrong += [*violations(town.home, found), *mixed_answers(town.home, found)]
    count.count(len(wrong), len(town.decisions) - since)
    sys.stdout.write(f"seconds until the last process of three hosts switched: {delays}, latest old answer: {latest}\n")
    assert wrong == []
    assert {entry.status for entry in found} == {200, 422}
    assert {one.told[0].connection.split("/")[0] for one in asking} == set(NAMES)
    assert max(delays.values()) < 2.0 + SLACK_S


@pytest.mark.timeout(120)
def test_if_one_process_of_one_host_cannot_load_the_version_none_switches(town: Town) -> None:
    with town.operator() as assay:
        ruling = assay.ruling("stones")
        victim = town.hosts[1].processes("assay.web.worker")[0]
        soft, hard = resource.prlimit(victim, resource.RLIMIT_NOFILE)
        resource.prlimit(victim, resource.RLIMIT_NOFILE, (3, hard))
        try:
            with pytest.raises(
                VersionNotReady, match=f"process {town.hosts[1].inner(victim)} on web-2 could not load it"
            ):
                assay.promote("stones", 3, by="test")
        finally:
            resource.prlimit(victim, resource.RLIMIT_NOFILE, (soft, hard))
        assert assay.ruling("stones") == ruling
        assert not any(line["version"] == 3 for host in town.hosts for line in said(host, "version_answers"))


@pytest.mark.timeout(300)
def test_hosts_that_are_stopped_or_cut_off_delay_a_decision_by_their_silence_and_follow_when_they_are_back(
    town: Town, tally: Callable[[str], Tally]
) -> None:
    count, since = tally("P8"), len(town.decisions)
    sound, stopped, lost = town.hosts
    with town.operator() as assay, load(clients(town, town.hosts)) as asking:
        first, _ = town.change(1, assay)
        town.until_switched(first, town.hosts)
        stopped.pause()
        lost.lose(town.network.database)
        decision, took_s = town.change(2, assay)
        reached = town.until_switched(decision, [sound])
        time.sleep(3)  # so that an answer of the old version would be far too late
        stopped.go_on()
        lost.find(town.network.database)
        back = now_us()
        town.until_switched(decision, town.hosts)
        eventually(lambda: all(answered_since(asking, host, back) for host in town.hosts))
    longest = {host.name: max(one.longest_s for one in asking if one.server == host.name) for host in town.hosts}
    sys.stdout.write(f"took {took_s:.1f} s, reached {reached:.2f} s, longest waits for an answer {longest}\n")
    found = entries(asking)
    wrong, _ = untimely(town, asking, since)
    wrong += violations(town.home, found)
    count.count(len(wrong))
    assert wrong == []
    assert {entry.status for entry in found} <= {200, 422, 503}
    assert took_s < SILENCE_S + SLACK_S
    assert longest[lost.name] < 20


@pytest.mark.timeout(300)
def test_a_host_that_is_killed_is_waited_for_until_its_silence_has_lasted(town: Town) -> None:
    killed = town.hosts[2]
    with town.operator() as assay, load(clients(town, town.hosts[:2])) as asking:
        since = len(town.decisions)
        town.change(2, assay)
        meanwhile = when_preparing(assay, killed.kill)
        decision, took_s = town.change(1, assay)
        meanwhile.join()
        town.until_switched(decision, town.hosts[:2])
        again, quick_s = town.change(2, assay)
        town.until_switched(again, town.hosts[:2])
    sys.stdout.write(f"took {took_s:.1f} s with the dead host, {quick_s:.1f} s once it was known\n")
    assert untimely(town, asking, since)[0] == []
    assert {entry.status for entry in entries(asking)} == {200, 422}
    assert took_s < SILENCE_S + SLACK_S


@pytest.mark.timeout(300)
def test_without_the_look_before_the_answer_a_host_that_was_stopped_answers_by_the_old_version(town: Town) -> None:
    careless = town.hosts[2]
    careless.kill()
    careless.begin()
    careless.log.unlink()
    town.serve(careless, careless=True)
    eventually(partial(whole, careless))
    with town.operator() as assay, load(clients(town, [careless])) as asking:
        since = len(town.decisions)
        first, _ = town.change(1, assay)
        town.until_switched(first, [careless])
        careless.pause()
        decision, _ = town.change(2, assay)
        time.sleep(3)
        careless.go_on()
        back = now_us()
        town.until_switched(decision, [careless])
        eventually(lambda: answered_since(asking, careless, back))
    wrong, latest = untimely(town, asking, since)
    sys.stdout.write(f"an old version answered {latest:.1f} s after its end\n")
    assert wrong


def when_preparing(assay: Assay, *acts: Callable[[], None]) -> threading.Thread:
    """Does something the moment that a preparation is open."""

    def wait() -> None:
        eventually(assay.preparations.open)
        for act in acts:
            act()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def answered_since(asking: Iterable[Asking], host: Host, at: int) -> bool:
    """Whether each client of the host has been answered well by something that was asked after this time."""
    return all(one.answered_at > at for one in asking if one.server == host.name)
