"""A process follows the rollouts: loads the new before it lets go of the old, and loads nothing twice."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from assay.app import Assay
from assay.clock import boot_clock
from assay.domain.releases.rollout import Arm, Rollout
from assay.domain.version import Version
from assay.errors import ModelNotFound, StorageFull, StoreUnavailable, VersionNotFound, VersionRejected
from assay.serving.loaded import LoadedVersion, Loader
from assay.serving.ready import Ready
from assay.serving.served import FRESH_US, Served
from assay.serving.shelf import MAX_PINNED, Look, Shelf
from tests import rows, standins, tiny


class CountingLoader(Loader):
    """Makes versions that answer with their number, and counts how often it was asked to."""

    def __init__(self, meanwhile: Callable[[Version], None] = lambda _: None) -> None:
        self.loaded: list[int] = []
        self.meanwhile = meanwhile

    def load(self, version: Version, *, apart: bool = False) -> LoadedVersion:
        self.loaded.append(version.number)
        self.meanwhile(version)
        return standins.version(standins.times(version.number), number=version.number)


def on_a_shelf(assay: Assay, story: Callable[[Shelf, Served], Awaitable[None]], loader: Loader | None = None) -> None:
    """Runs the story with a shelf that serves the model `stone`."""

    async def run() -> None:
        made = loader or assay.loader
        ready = Ready(assay.versions.find, made.load, assay.preparations, assay.processes)
        shelf = Shelf(assay.versions, assay.rollouts, made, ready)
        served = Served("stone", assay.recorder, max_waiting_rows=10)
        shelf.add(served)
        await story(shelf, served)
        for one in shelf.served.values():
            await one.lane.close()

    asyncio.run(run())


def test_the_version_that_rules_is_loaded_and_a_new_decision_followed(assay: Assay) -> None:
    async def story(shelf: Shelf, served: Served) -> None:
        shelf.refresh()
        assert served.version().number == tiny.LINEAR
        assay.rollouts.append(rows.rollout(tiny.ROUGH))
        shelf.refresh()
        assert served.version().number == tiny.ROUGH
        assert shelf.trouble == {}

    on_a_shelf(assay, story)


def test_without_a_new_decision_nothing_is_loaded_again(assay: Assay) -> None:
    loader = CountingLoader()

    async def story(shelf: Shelf, served: Served) -> None:
        for _ in range(5):
            shelf.refresh()
            shelf.pinned("stone", tiny.LINEAR)
        assert loader.loaded == [tiny.LINEAR]
        assay.rollouts.append(rows.rollout(1, model="other"))
        shelf.refresh()
        assert loader.loaded == [tiny.LINEAR]

    on_a_shelf(assay, story, loader)


def test_a_version_that_cannot_be_loaded_leaves_the_old_one_answering(assay: Assay) -> None:
    async def story(shelf: Shelf, served: Served) -> None:
        shelf.refresh()
        graph = assay.loader.manifest(assay.versions.find("stone", tiny.ROUGH)).files["graph"].sha256
        assay.artifacts.path(graph).write_bytes(b"damaged")
        assay.rollouts.append(rows.rollout(tiny.ROUGH))
        shelf.refresh()
        assert served.version().number == tiny.LINEAR
        assert "damaged" in shelf.trouble["stone"]
        assay.rollouts.append(rows.rollout(tiny.LINEAR))
        shelf.refresh()
        assert served.version().number == tiny.LINEAR

    on_a_shelf(assay, story)


def test_trouble_is_over_when_the_version_that_answers_rules_again(assay: Assay) -> None:
    async def story(shelf: Shelf, served: Served) -> None:
        shelf.refresh()
        shelf.trouble["stone"] = "version 2 could not be loaded"
        assay.rollouts.append(rows.rollout(tiny.LINEAR))
        shelf.refresh()
        assert shelf.trouble == {}

    on_a_shelf(assay, story)


def test_a_store_that_fails_for_a_moment_is_asked_again(assay: Assay) -> None:
    failures = [StoreUnavailable("busy")]

    def meanwhile(_: Version) -> None:
        if failures:
            raise failures.pop()

    async def story(shelf: Shelf, served: Served) -> None:
        shelf.refresh()
        shelf.refresh()
        assert served.ruling is not None
        assert shelf.trouble == {}

    on_a_shelf(assay, story, CountingLoader(meanwhile))


def test_a_model_that_joins_while_another_is_loaded_disturbs_nothing(assay: Assay) -> None:
    async def story(shelf: Shelf, served: Served) -> None:
        loop = asyncio.get_running_loop()
        joined: list[Any] = []

        def join() -> None:
            shelf.add(Served("other", assay.recorder, max_waiting_rows=10))
            joined.append(True)

        def meanwhile(_: Version) -> None:
            if not joined:
                loop.call_soon_threadsafe(join)
                while not joined:
                    pass

        loader.meanwhile = meanwhile
        await asyncio.to_thread(shelf.refresh)
        assert served.version().number == tiny.LINEAR

    loader = CountingLoader()
    on_a_shelf(assay, story, loader)


def test_who_has_not_looked_for_long_looks_before_it_answers(assay: Assay) -> None:
    loader = CountingLoader()

    async def story(shelf: Shelf, served: Served) -> None:
        shelf.refresh()
        assay.rollouts.append(rows.rollout(tiny.ROUGH))
        shelf.confirm(served)
        assert served.version().number == tiny.LINEAR, "it looked just now"
        served.looked_at -= FRESH_US
        shelf.confirm(served)
        assert served.version().number == tiny.ROUGH
        looked = served.looked_at
        served.looked_at -= FRESH_US
        shelf.confirm(served)
        assert served.looked_at > looked
        assert loader.loaded == [tiny.LINEAR, tiny.ROUGH]

    on_a_shelf(assay, story, loader)


def test_a_store_that_does_not_say_who_rules_is_not_waited_for(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.serving.shelf.LOOK_S", 0.3)

    async def story(shelf: Shelf, served: Served) -> None:
        shelf.refresh()
        served.looked_at = 0
        over = threading.Event()

        def ask() -> None:
            over.wait(20)

        shelf._looks["stone"] = Look(ask, boot_clock()[1])
        began = time.monotonic()
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match="does not say"):
                shelf.confirm(served)
        assert time.monotonic() - began < 2, "each waited anew"
        over.set()
        shelf._looks["stone"].join()
        shelf.confirm(served)

    on_a_shelf(assay, story)


def test_a_store_that_cannot_be_read_says_so_before_an_answer(assay: Assay) -> None:
    async def story(shelf: Shelf, served: Served) -> None:
        shelf.refresh()
        served.looked_at = 0
        hidden = assay.home / "hidden"
        (assay.home / "assay.db").rename(hidden)
        with pytest.raises(StoreUnavailable):
            shelf.confirm(served)
        hidden.rename(assay.home / "assay.db")
        shelf.confirm(served)

    on_a_shelf(assay, story)


def test_a_version_that_is_still_being_loaded_is_not_waited_for_for_ever(
    assay: Assay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assay.serving.shelf.PATIENCE_S", 0.2)

    async def story(shelf: Shelf, served: Served) -> None:
        shelf.refresh()
        assay.rollouts.append(rows.rollout(tiny.ROUGH))
        served.looked_at = 0
        with shelf._following, pytest.raises(StoreUnavailable, match="still loading"):
            shelf.confirm(served)

    on_a_shelf(assay, story)


def test_a_disk_with_little_room_is_kept_for_what_is_not_an_answer(
    assay: Assay, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(shelf: Shelf, served: Served) -> None:
        shelf.refresh()
        monkeypatch.setattr("assay.store.files.quarantine.RESERVE_BYTES", 1 << 60)
        shelf.confirm(served)
        shelf.record_at = assay.home
        shelf._room_at = 0
        for _ in range(3):
            with pytest.raises(StorageFull):
                shelf.confirm(served)
        shelf.record_at = assay.home / "gone"
        with pytest.raises(StoreUnavailable):
            shelf.confirm(served)

    on_a_shelf(assay, story)


def test_following_notices_a_decision_by_itself(assay: Assay) -> None:
    async def story(shelf: Shelf, served: Served) -> None:
        following = asyncio.create_task(shelf.follow(0.01))
        async with asyncio.timeout(10):
            while served.ruling is None or served.ruling.number != tiny.LINEAR:
                await asyncio.sleep(0.01)
            assay.rollouts.append(rows.rollout(tiny.ROUGH))
            while served.ruling.number != tiny.ROUGH:
                await asyncio.sleep(0.01)
        following.cancel()

    on_a_shelf(assay, story, CountingLoader())


def test_a_version_by_its_number_is_loaded_once_and_the_least_used_let_go(assay: Assay) -> None:
    loader = CountingLoader()

    async def story(shelf: Shelf, served: Served) -> None:
        with assay.database.writing() as connection:
            from assay.store import versions

            numbers = [versions.add(connection, rows.version()).number for _ in range(MAX_PINNED + 1)]
        for number in numbers:
            assert shelf.pinned("stone", number).number == number
            shelf.pinned("stone", numbers[0])
        assert loader.loaded == numbers
        shelf.pinned("stone", numbers[1])
        assert loader.loaded == [*numbers, numbers[1]]

    on_a_shelf(assay, story, loader)


def test_what_is_not_there_or_not_ready_cannot_be_pinned(assay: Assay) -> None:
    async def story(shelf: Shelf, served: Served) -> None:
        with pytest.raises(ModelNotFound):
            shelf.pinned("nothing", 1)
        with pytest.raises(VersionNotFound):
            shelf.pinned("stone", 99)
        with pytest.raises(VersionRejected, match="failed"):
            shelf.pinned("stone", tiny.BROKEN)

    on_a_shelf(assay, story)


# ---- experiments

HALVES = (Arm(version=tiny.LINEAR, share=0.5), Arm(version=tiny.ROUGH, share=0.5))


def experiment(**told: Any) -> Rollout:
    return rows.rollout(tiny.LINEAR, **({"experiment": "checkout", "arms": HALVES} | told))


def test_an_experiment_is_followed_with_every_arm_loaded_once(assay: Assay) -> None:
    loader = CountingLoader()

    async def story(shelf: Shelf, served: Served) -> None:
        shelf.refresh()
        ruling = served.version()
        begun = assay.rollouts.append(experiment())
        shelf.refresh()
        assert loader.loaded == [tiny.LINEAR, tiny.ROUGH]
        assert served.version() is ruling
        draw = served.draw
        assert draw is not None
        assert [draw.version(one).number for one in map(str, range(30))] == [
            begun.choose(one) for one in map(str, range(30))
        ]
        assert shelf.pinned("stone", tiny.ROUGH) is draw.arms[tiny.ROUGH]
        assay.rollouts.append(experiment(arms=(Arm(version=1, share=0.9), Arm(version=2, share=0.1))))
        shelf.refresh()
        assay.rollouts.append(rows.rollout(tiny.ROUGH))
        shelf.refresh()
        assert loader.loaded == [tiny.LINEAR, tiny.ROUGH], "something was loaded twice"
        assert (served.version().number, served.draw) == (tiny.ROUGH, None)
        assay.rollouts.append(rows.rollout(tiny.LINEAR))
        shelf.refresh()
        assert served.version() is ruling, "the way back needs no loading"

    on_a_shelf(assay, story, loader)


def test_shadows_are_nothing_that_a_process_loads(assay: Assay) -> None:
    loader = CountingLoader()

    async def story(shelf: Shelf, served: Served) -> None:
        shelf.refresh()
        assay.rollouts.append(experiment(arms=(), shadows=(tiny.ROUGH,)))
        shelf.refresh()
        assert loader.loaded == [tiny.LINEAR]
        assert (served.draw, served.alone) == (None, served.version())

    on_a_shelf(assay, story, loader)


def test_an_arm_that_cannot_be_loaded_leaves_everything_as_it_was(assay: Assay) -> None:
    async def story(shelf: Shelf, served: Served) -> None:
        shelf.refresh()
        graph = assay.loader.manifest(assay.versions.find("stone", tiny.ROUGH)).files["graph"].sha256
        assay.artifacts.path(graph).write_bytes(b"damaged")
        assay.rollouts.append(experiment())
        shelf.refresh()
        assert (served.version().number, served.draw) == (tiny.LINEAR, None)
        assert "damaged" in shelf.trouble["stone"]
        assay.rollouts.append(rows.rollout(tiny.LINEAR))
        shelf.refresh()
        assert shelf.trouble == {}

    on_a_shelf(assay, story)


def test_who_has_not_looked_for_long_learns_of_other_shares_before_it_answers(assay: Assay) -> None:
    async def story(shelf: Shelf, served: Served) -> None:
        assay.rollouts.append(experiment())
        shelf.refresh()
        decided = assay.rollouts.append(experiment(arms=(Arm(version=1, share=0.9), Arm(version=2, share=0.1))))
        shelf.confirm(served)
        assert served.decision != decided.id, "it looked just now"
        served.looked_at -= FRESH_US
        shelf.confirm(served)
        assert served.decision == decided.id

    on_a_shelf(assay, story, CountingLoader())
