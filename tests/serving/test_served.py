"""What is asked is answered by the version that was pinned, recorded, and failures stay with who caused them."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from assay.clock import ticks_us
from assay.domain.releases.rollout import Arm, Rollout
from assay.errors import ModelFailed, NothingReleased, StorageFull, StoreUnavailable, Unstorable
from assay.serving.batch import Awaited
from assay.serving.loaded import LoadedVersion
from assay.serving.served import FRESH_US, Answered, Served, answer
from assay.store import schema
from assay.store.databases.sqlite import Sqlite
from assay.store.paging import Window
from assay.store.record.predictions import Predictions
from assay.store.record.recorder import Entry, Recorder
from tests import rows, standins


class TestAsk(Awaited):
    """Keeps its answers for the test, and has them recorded."""

    __test__ = False

    def __init__(self, version: LoadedVersion, *told: dict[str, Any], spoilt: bool = False) -> None:
        super().__init__(rows=len(told))
        self.began = ticks_us()
        self.experiment: str | None = None
        self.version = version
        self.questions = standins.asked(version, *told)
        self.spoilt = spoilt
        self.answered: Answered | None = None

    def settle(self, answered: Answered) -> Entry | None:
        self.answered = answered
        kept = answered.rows([msgspec.json.encode(one).decode() for one in self.questions], answered.exchange)
        if self.spoilt:
            kept = [rows.prediction_values(position=2**70)]
        return Entry(rows.exchange_values(id=answered.exchange), kept)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Sqlite]:
    made = Sqlite(tmp_path / "assay.db")
    schema.upgrade(made)
    yield made
    made.close()


def settled(database: Sqlite, *asks: Any) -> list[BaseException | None]:
    """Submits all asks at once; the error of each, or None."""

    async def story() -> list[BaseException | None]:
        served = Served("stone", Recorder(database), max_waiting_rows=1000)
        made = [ask() for ask in asks]
        for one in made:
            served.lane.submit(one)
        found = await asyncio.gather(*(one.future for one in made), return_exceptions=True)
        await served.lane.close()
        return list(found)

    return asyncio.run(story())


def test_answers_are_recorded_when_they_are_delivered(database: Sqlite) -> None:
    version = standins.version(standins.times(10), number=7)
    assert settled(database, lambda: TestAsk(version, {"carat": 1.0}, {"carat": 2.0})) == [None]
    second, first = Predictions(database).page(Window()).entries
    assert (first.model, first.version, first.value, first.position, first.role) == ("stone", 7, 10.0, 0, "answer")
    assert (second.value, second.position) == (20.0, 1)
    assert bytes(first.question) == b'{"carat":1.0,"cut":"Ideal","color":"E"}'
    assert (bytes(first.answer), first.exchange) == (b"10.0", second.exchange)


def test_asks_that_gather_are_one_call_of_the_model(database: Sqlite) -> None:
    version = standins.version(standins.times(10))
    assert settled(database, *[lambda: TestAsk(version, {"carat": 1.0})] * 20) == [None] * 20
    assert version.engine.calls <= 2  # type: ignore[attr-defined]  # the stand-in counts


def test_each_ask_is_answered_by_the_version_that_it_pinned(database: Sqlite) -> None:
    old, new = standins.version(standins.times(10), number=1), standins.version(standins.times(20), number=2)
    settled(database, *[lambda one=one: TestAsk(one, {"carat": 1.0}) for one in (old, new, old)])
    assert sorted((one.version, one.value) for one in Predictions(database).page(Window()).entries) == [
        (1, 10.0), (1, 10.0), (2, 20.0),
    ]  # fmt: skip


def test_a_question_on_which_the_model_fails_harms_only_itself(database: Sqlite) -> None:
    def call(columns: Any) -> Any:
        if 13.0 in columns["carat"]:
            raise ValueError("unlucky")
        return [1.0 * weight for weight in columns["carat"]]

    version = standins.version(call)
    found = settled(
        database, *[lambda weight=weight: TestAsk(version, {"carat": weight}) for weight in (5.0, 13.0, 6.0)]
    )
    assert (found[0], found[2]) == (None, None)
    assert isinstance(found[1], ModelFailed)
    assert "unlucky" not in str(found[1])
    assert sorted(one.value or 0 for one in Predictions(database).page(Window()).entries) == [5.0, 6.0]


def test_an_answer_that_cannot_be_recorded_is_not_given(database: Sqlite) -> None:
    version = standins.version(standins.times(10))
    found = settled(database, lambda: TestAsk(version, {}), lambda: TestAsk(version, {}, spoilt=True))
    assert found[0] is None
    assert isinstance(found[1], Unstorable)


def test_where_the_store_fails_no_answer_is_given(database: Sqlite) -> None:
    version = standins.version(standins.times(10))
    database.engine.dispose()
    for left in database.path.parent.glob("assay.db*"):
        if left.suffix != ".lock":
            left.unlink()
    database.path.mkdir()
    (found,) = settled(database, lambda: TestAsk(version, {}))
    assert isinstance(found, StoreUnavailable)


def test_before_a_release_nobody_answers_and_after_a_switch_the_new_one_does(database: Sqlite) -> None:
    async def story() -> None:
        served = Served("stone", Recorder(database), max_waiting_rows=10)
        with pytest.raises(NothingReleased):
            served.version()
        for number in (1, 2):
            served.switch(standins.version(standins.times(1), number=number))
            assert served.version().number == number
        await served.lane.close()

    asyncio.run(story())


def test_parts_are_answered_in_one_call_and_given_back_apart() -> None:
    version = standins.version(standins.times(10))
    parts = [standins.asked(version, {"carat": 1.0}, {"carat": 2.0}), standins.asked(version, {"carat": 3.0})]
    first, second = answer(version, parts)
    assert (first.values, second.values) == ([10.0, 20.0], [30.0])
    assert len({*first.ids, *second.ids, first.exchange, second.exchange}) == 5
    assert version.engine.calls == 1  # type: ignore[attr-defined]  # the stand-in counts


def answered_after(database: Sqlite, story: Any) -> list[BaseException | None]:
    """What becomes of one ask by the version that rules at first, once the story has happened in the process."""

    async def run() -> list[BaseException | None]:
        served = Served("stone", Recorder(database), max_waiting_rows=1000)
        old = standins.version(standins.times(1), number=1)
        served.switch(old)
        served.looked(FRESH_US)
        pinned = [TestAsk(old, {"carat": 1.0}), TestAsk(standins.version(standins.times(5), number=5), {"carat": 1.0})]
        story(served)
        for one in pinned:
            served.lane.submit(one)
        found = await asyncio.gather(*(one.future for one in pinned), return_exceptions=True)
        await served.lane.close()
        return list(found)

    return asyncio.run(run())


def test_who_asked_before_an_ordinary_switch_is_answered_by_the_version_that_was_pinned(database: Sqlite) -> None:
    def story(served: Served) -> None:
        served.switch(standins.version(standins.times(2), number=2))
        served.looked(2 * FRESH_US)

    assert answered_after(database, story) == [None, None]


@pytest.mark.parametrize("late", [False, True], ids=["the switch came late", "the look after it came late"])
def test_a_version_that_was_replaced_while_the_process_was_away_answers_nobody(database: Sqlite, late: bool) -> None:
    def story(served: Served) -> None:
        served.switch(standins.version(standins.times(2), number=2))
        if late:
            served.looked(2 * FRESH_US)
        served.looked(4 * FRESH_US)

    replaced, by_number = answered_after(database, story)
    assert isinstance(replaced, StoreUnavailable)
    assert "ask again" in str(replaced)
    assert by_number is None, "a version that was asked for by its number has nothing to do with who rules"
    assert len(Predictions(database).page(Window()).entries) == 1


def test_where_nobody_can_tell_who_rules_nothing_is_answered(database: Sqlite) -> None:
    def story(served: Served) -> None:
        def refuse(_served: Served) -> None:
            raise StorageFull

        served.confirm = refuse

    assert [type(error) for error in answered_after(database, story)] == [StorageFull, StorageFull]
    assert Predictions(database).page(Window()).entries == []


def test_the_version_before_is_not_kept_alive(database: Sqlite) -> None:
    def story(served: Served) -> None:
        served.switch(standins.version(standins.times(2), number=2))
        served.switch(standins.version(standins.times(3), number=3))
        gc.collect()
        assert [one() for one in served._before] == [None]

    answered_after(database, story)


# ---- experiments

HALVES = (Arm(version=1, share=0.5), Arm(version=2, share=0.5))
EXPERIMENT = rows.rollout(1, experiment="checkout", arms=HALVES)
ARMS = {number: standins.version(standins.times(number), number=number) for number in (1, 2)}


def never() -> str:
    raise AssertionError("nobody is to be asked who it is")


def test_only_an_experiment_asks_who_it_is(database: Sqlite) -> None:
    async def story() -> None:
        served = Served("stone", Recorder(database), max_waiting_rows=10)
        with pytest.raises(NothingReleased):
            served.pick(never)
        for rollout in (rows.rollout(1), msgspec.structs.replace(EXPERIMENT, mode="all")):
            served.follow(rollout, ARMS)
            assert served.pick(never) == (ARMS[1], None)
            assert served.alone is ARMS[1]
        served.follow(EXPERIMENT, ARMS)
        picked = {subject: served.pick(partial(str, subject)) for subject in map(str, range(50))}
        assert {one: each.version.number for one, each in picked.items()} == {
            one: EXPERIMENT.choose(one) for one in picked
        }
        assert {each.experiment for each in picked.values()} == {"checkout"}
        assert (served.alone, served.version(), served.decision) == (None, ARMS[1], EXPERIMENT.id)
        assert (served.loaded(1), served.loaded(2), served.loaded(3)) == (ARMS[1], ARMS[2], None)
        served.follow(rows.rollout(2), ARMS)
        assert served.pick(never) == (ARMS[2], None)
        assert (served.draw, served.loaded(1)) == (None, None)
        await served.lane.close()

    asyncio.run(story())


def test_the_record_names_the_experiment(database: Sqlite) -> None:
    version = ARMS[2]
    answered = answer(version, [standins.asked(version, {"carat": 1.0}, {"carat": 2.0})])[0]
    plain, drawn = answered.rows(["{}", "{}"], "e"), answered.rows(["{}", "{}"], "e", "checkout")
    assert [(*row, "checkout", None) for row in plain] == drawn
    Recorder(database).record([entry := Entry(None, [plain[0], drawn[1]])])
    assert entry.error is None
    assert {one.experiment for one in Predictions(database).page(Window()).entries} == {None, "checkout"}


def test_a_failure_names_who_failed(database: Sqlite) -> None:
    def fail(_columns: Any) -> Any:
        raise ModelFailed("out of order")

    def ask() -> TestAsk:
        made = TestAsk(standins.version(fail, number=2), {"carat": 1.0})
        made.experiment = "checkout"
        return made

    (found,) = settled(database, ask)
    assert isinstance(found, ModelFailed)
    assert (found.model, found.version, found.experiment) == ("stone", 2, "checkout")


@pytest.mark.parametrize("away", [False, True])
@pytest.mark.parametrize(
    "decided",
    [
        msgspec.structs.replace(EXPERIMENT, arms=(Arm(version=1, share=0.6), Arm(version=2, share=0.4))),
        rows.rollout(1), rows.rollout(2),
    ],
    ids=["other shares", "a stop", "a winner"],
)  # fmt: skip
def test_whoever_was_drawn_before_a_decision_that_a_process_slept_through_asks_again(
    database: Sqlite, decided: Rollout, away: bool
) -> None:
    async def story() -> list[BaseException | None]:
        served = Served("stone", Recorder(database), max_waiting_rows=1000)
        served.follow(EXPERIMENT, ARMS)
        served.looked(FRESH_US)
        earlier = [TestAsk(ARMS[1], {"carat": 1.0}), TestAsk(ARMS[2], {"carat": 1.0})]
        by_number = TestAsk(standins.version(standins.times(5), number=5), {"carat": 1.0})
        await asyncio.sleep(0.01)
        served.follow(decided, ARMS)
        served.looked(4 * FRESH_US if away else FRESH_US + 1)
        await asyncio.sleep(0.01)
        later = TestAsk(served.pick(lambda: "somebody").version, {"carat": 1.0})
        asks = [*earlier, by_number, later]
        for one in asks:
            served.lane.submit(one)
        found = await asyncio.gather(*(one.future for one in asks), return_exceptions=True)
        await served.lane.close()
        return list(found)

    one, other, by_number, later = asyncio.run(story())
    assert (by_number, later) == (None, None)
    assert [isinstance(each, StoreUnavailable) for each in (one, other)] == [away, away]
