"""What is asked is answered by the version that was pinned, recorded, and failures stay with who caused them."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

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
        assert served._before() is None

    answered_after(database, story)
