"""P16: a shadow cannot hurt, whatever it does; each question that it was to be asked is answered, or skipped for a reason."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from assay.app import Assay
from assay.domain.releases.shadow import Shadow
from assay.releasing.experiment import Plan
from tests import homes
from tests.postgres import Cluster
from tests.promises.checker import rows
from tests.promises.conftest import TRAIN, Tally
from tests.promises.servers import Answer, Server, assay_of, environment, serving

MOODY = Path(__file__).parent / "moody"
HEAVY = 11.0  # so heavy a stone awakes the moods
QUESTIONS = 12
FIRST_FOUR, OTHERS = ("sleep", "throw", "crash", "leak"), ("hold", "nan")
KILLED = {"pr": 6, "nightly": 60}
ASKED_BEFORE = 400
SOON_S = 600.0
# of a server whose worker looks often; a model that does not answer is waited for for a second
QUICK: dict[str, Any] = {
    "job_workers": 1, "look_interval_s": 0.2, "shadow_interval_s": 0.2, "model_timeout_s": 1.0, "lease_s": 2,
}  # fmt: skip
# a job that is killed in the middle: small batches, and nothing that is too young
FOLLOW = """
import json, sys
from pathlib import Path
from assay.app import Assay
from assay.app.experiments import shadowing

class Silent:
    def at(self, stage, done, total):
        print(done, flush=True)

shadowing.BATCH = 8
assay = Assay.at(Path(sys.argv[1]), **json.loads(sys.argv[2]))
shadowing.Shadowing(assay, "stones", Silent(), aged_us=0).run()
assay.close()
"""
pytestmark = pytest.mark.xdist_group("server")


@pytest.fixture(scope="session")
def trainings(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Cluster | None], Path]:
    """A home in which every recipe has a version; trained once a kind of database."""

    @cache
    def train(cluster: Cluster | None) -> Path:
        home = homes.prepared(tmp_path_factory.mktemp("moody") / "home", cluster)
        command = [sys.executable, "-c", TRAIN, str(MOODY), str(home), "stones"]
        ran = subprocess.run(command, env=environment(home=home), capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr[-3000:]
        return home

    return train


@pytest.fixture
def assay(home: Path) -> Iterator[Assay]:
    made = assay_of(home, MOODY)
    yield made
    made.close()


def of(assay: Assay, *recipes: str) -> tuple[int, ...]:
    """The versions of these recipes."""
    known = {one.recipe: one.number for one in assay.versions.all("stones")}
    return tuple(known[one] for one in recipes)


def told(answer: Answer) -> tuple[int, list[str], Any]:
    """All that a client is told but for what is another each time: ids, and when it was."""
    body = answer.json
    body.pop("id", None)
    return answer.status, sorted(name for name in answer.headers if name != "date"), body


def ask_all(server: Server) -> list[Any]:
    return [told(server.predict({"carat": HEAVY + number / 10})) for number in range(QUESTIONS)]


def intents(home: Path, since: int = 0, until: int = 2**57) -> int:
    """How many questions were answered to somebody over HTTP between two times in microseconds, by the ids of the answers."""
    low, high = (f"{at // 1000:012x}" + "0" * 20 for at in (since, until))
    query = """SELECT count(*) AS times FROM predictions
        WHERE role = 'answer' AND exchange IS NOT NULL AND id >= ? AND id < ?"""
    return int(rows(home, query, low, high)[0]["times"])


def marks(home: Path) -> list[Shadow]:
    """What the table says of each shadow."""
    found = rows(home, "SELECT * FROM shadows")
    return [Shadow(**(row | {"reasons": json.loads(row["reasons"])})) for row in found]


def results(home: Path) -> dict[int, int]:
    """How many answers each shadow gave, and that none was asked the same question twice."""
    query = """SELECT version, count(*) AS times, count(DISTINCT exchange) AS questions FROM predictions
        WHERE role = 'shadow' GROUP BY version"""
    found = rows(home, query)
    assert [row for row in found if row["times"] != row["questions"]] == [], "a question was asked twice"
    return {row["version"]: row["times"] for row in found}


def until(holds: Callable[[], bool]) -> None:
    """Waits until it holds."""
    end = time.monotonic() + SOON_S
    while not holds():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.2)


def followed(assay: Assay) -> bool:
    """Whether every shadow of every experiment that is over has come to its end."""
    return not assay.shadows.open("stones")


class Watching(threading.Thread):
    """Asks the same questions over and over, and compares what is told."""

    def __init__(self, server: Server, right: list[Any]) -> None:
        super().__init__(daemon=True)
        self.rounds = 0
        self.differences: list[Any] = []
        self._server = server
        self._right = right
        self._over = threading.Event()

    def run(self) -> None:
        """Until it is told to stop."""
        while not self._over.is_set():
            found = ask_all(self._server)
            self.differences += [one for one, other in zip(found, self._right, strict=True) if one != other]
            self.rounds += 1
            self._over.wait(3)

    def stop(self) -> None:
        """No more."""
        self._over.set()
        self.join(60)


@pytest.mark.timeout(2000)
def test_nobody_notices_shadows_that_hang_fail_die_leak_hold_the_lock_or_answer_nothing(
    home: Path, assay: Assay, tally: Callable[[str], Tally]
) -> None:
    with serving(home, application=MOODY, told=QUICK) as server:
        right = ask_all(server)
        assert {status for status, _, _ in right} == {200}
        watching = Watching(server, right)
        watching.start()
        try:
            begun = assay.experimenter.start("stones", Plan(shadows=of(assay, *FIRST_FOUR)), by="test")
            until(lambda: len([one for one in marks(home) if one.asked + one.skipped]) == len(FIRST_FOUR))
            changed = assay.experimenter.change("stones", (), of(assay, *OTHERS), by="test")
            until(lambda: len([one for one in marks(home) if one.asked + one.skipped]) == len(FIRST_FOUR + OTHERS))
            ended = assay.experimenter.stop("stones", by="test")
        finally:
            watching.stop()
        until(lambda: followed(assay))
        assert server.alive()
    tally("P16").count(len(watching.differences), watching.rounds * QUESTIONS)
    assert watching.differences == []
    assert watching.rounds > 5
    found = {one.version: one for one in marks(home)}
    why = dict(
        zip(
            (*FIRST_FOUR, *OTHERS),
            ("model_timeout", *["model_error"] * 3, "model_timeout", "model_bad_output"),
            strict=True,
        )
    )
    for recipe, code in why.items():
        (number,) = of(assay, recipe)
        mark = found[number]
        assert (mark.asked, set(mark.reasons)) == (0, {code}), recipe
        assert mark.skipped == sum(mark.reasons.values())
    assert results(home) == {}
    for some, since, over in ((FIRST_FOUR, begun, changed), (OTHERS, changed, ended)):
        wanted = intents(home, since.at, over.at)
        assert wanted > 0
        assert {found[number].skipped for number in of(assay, *some)} == {wanted}, "one was left out, or counted twice"


def killed_again_and_again(home: Path, times: int, unsafe: Sequence[str] = ()) -> int:
    """Follows a slow shadow to the end, killed so often on the way; how often it was killed in the middle."""
    draw, killed = random.Random(16), 0
    while True:
        settings = {name: str(value) for name, value in homes.settings_of(home).items()}
        child = subprocess.Popen(
            [sys.executable, "-c", FOLLOW, str(MOODY), json.dumps(settings)], stdout=subprocess.PIPE, text=True,
            env=environment(unsafe, home),
        )  # fmt: skip
        assert child.stdout is not None
        if killed < times:
            for _ in range(draw.randint(1, 3)):  # it has begun, and is at it
                child.stdout.readline()
            time.sleep(draw.uniform(0, 0.06))
            child.send_signal(signal.SIGKILL)
            killed += 1
        code = child.wait(120)
        child.stdout.close()
        if code == 0:
            return killed


@pytest.mark.timeout(900)
def test_whoever_is_killed_in_between_has_left_nothing_out_and_done_nothing_twice(
    home: Path, assay: Assay, tier: str, tally: Callable[[str], Tally]
) -> None:
    (slow,) = listened(home, assay)
    times = killed_again_and_again(home, KILLED[tier])
    (mark,) = marks(home)
    found = results(home)[slow]
    tally("P16").count(int(found + mark.skipped != intents(home)), times)
    assert (found, mark.asked, mark.reasons) == (ASKED_BEFORE, ASKED_BEFORE, {})
    assert times == KILLED[tier]


@pytest.mark.timeout(900)
def test_without_the_mark_a_question_is_asked_twice(home: Path, assay: Assay) -> None:
    listened(home, assay)
    killed_again_and_again(home, 3, unsafe=("no-mark",))
    with pytest.raises(AssertionError, match="asked twice"):
        results(home)


def listened(home: Path, assay: Assay) -> tuple[int, ...]:
    """An experiment in which questions were asked that its slow shadow has not heard yet; the shadow."""
    shadows = of(assay, "slow")
    with serving(home, application=MOODY) as server:
        assay.experimenter.start("stones", Plan(shadows=shadows), by="test")
        for number in range(ASKED_BEFORE):
            assert server.predict({"carat": HEAVY + number / 1000}).status == 200
    return shadows
