"""The search is reproducible, follows the metric's direction and never sees the rows held out for the evaluation."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import optuna
import polars as pl
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.tree import DecisionTreeRegressor

import assay
from assay.errors import RecipeFailed, StoreUnavailable
from assay.store import schema
from assay.store.databases.sqlite import Sqlite
from assay.store.work.trials import KeptTrial, Trials
from assay.training import tune as module
from assay.training.tune import AT_ONCE, Tuned, study_name, tune


class Stone(assay.Input):
    carat: float = assay.Number()


ROWS = pl.DataFrame({"carat": np.linspace(0, 1, 50), "price": np.linspace(90.0, 110.0, 50)})


def model(metric: Any = "mae", made: Any = None) -> assay.Model[Stone]:
    stone = assay.Model("stone", input=Stone, target="price", metric=metric)

    @stone.recipe(trials=8)
    def constant(trial: Any) -> Any:
        value = trial.suggest_float("value", 0, 1000)
        return made(value) if made else DummyRegressor(strategy="constant", constant=value)

    return stone


@pytest.mark.parametrize("metric", ["mae", "rmse", "mape", "r2"])
def test_the_best_trial_is_the_one_nearest_the_truth_in_every_metrics_direction(metric: str) -> None:
    stone = model(metric)
    tried: list[float] = []

    def made(value: float) -> Any:
        tried.append(value)
        return DummyRegressor(strategy="constant", constant=value)

    found = tune(model(metric, made), stone.recipes["constant"], ROWS, trials=12)
    assert (found.trials, found.failed) == (12, 0)
    assert abs(found.parameters["value"] - 100) < 100


def test_the_same_rows_and_seed_give_the_same_search() -> None:
    first, again = (tune(model(), model().recipes["constant"], ROWS, trials=15) for _ in range(2))
    assert first == again


def test_only_the_given_rows_are_learnt_from_and_a_fifth_of_them_is_held_out() -> None:
    seen: list[int] = []

    class Counts(DummyRegressor):  # type: ignore[misc]  # scikit-learn publishes no types
        def fit(self, rows: Any, target: Any) -> Any:
            seen.append(len(rows))
            return super().fit(rows, target)

    stone = model(made=lambda value: Counts(strategy="constant", constant=value))
    tune(stone, stone.recipes["constant"], ROWS, trials=2)
    assert seen == [40, 40]


def test_progress_tells_how_far_it_is_and_the_best_so_far() -> None:
    told: list[tuple[int, int, float | None]] = []
    found = tune(model(), model().recipes["constant"], ROWS, trials=5, progress=lambda *said: told.append(said))
    assert [(done, of) for done, of, _ in told] == [(place, 5) for place in range(1, 6)]
    best = [value for *_, value in told if value is not None]
    assert best == sorted(best, reverse=True)
    assert best[-1] == found.value


def test_a_trial_that_fails_is_counted_and_the_next_one_tried() -> None:
    def made(value: float) -> Any:
        if value > 500:
            raise ValueError("too large")
        return DummyRegressor(strategy="constant", constant=value)

    stone = model(made=made)
    found = tune(stone, stone.recipes["constant"], ROWS, trials=20)
    assert 0 < found.failed < 20
    assert found.parameters["value"] <= 500


def test_a_recipe_of_which_every_trial_fails_fails() -> None:
    def made(value: float) -> Any:
        raise ValueError("never")

    stone = model(made=made)
    with pytest.raises(RecipeFailed, match="All 3 trials of the recipe 'constant' failed"):
        tune(stone, stone.recipes["constant"], ROWS, trials=3)


# ---- what is known is not searched again


class Remembered:
    """A memory that is a list."""

    def __init__(self, known: list[KeptTrial] | None = None) -> None:
        self.trials = {one.number: one for one in known or []}

    def known(self) -> list[KeptTrial]:
        return sorted(self.trials.values(), key=lambda one: one.number)

    def keep(self, trial: KeptTrial) -> None:
        self.trials[trial.number] = trial


class Counted(DummyRegressor):  # type: ignore[misc]  # scikit-learn publishes no types
    fits: int = 0

    def fit(self, rows: Any, target: Any) -> Any:
        Counted.fits += 1
        return super().fit(rows, target)


@pytest.fixture
def fits() -> Iterator[type[Counted]]:
    Counted.fits = 0
    yield Counted


def searched(model: assay.Model[Stone], trials: int, memory: Remembered | None = None) -> Tuned:
    return tune(model, model.recipes["varied"], ROWS, trials=trials, memory=memory)


def varied(most: float = 1000.0) -> assay.Model[Stone]:
    """A search over every kind of parameter, in which some trials fail."""
    stone = assay.Model("stone", input=Stone, target="price")

    @stone.recipe(trials=8)
    def varied(trial: Any) -> Any:
        value = trial.suggest_float("value", 1e-3, most, log=True) + trial.suggest_int("more", 0, 30, step=5)
        if trial.suggest_categorical("kind", ["good", "bad", None, 3, 0.5, True]) == "bad":
            raise ValueError("bad")
        return Counted(strategy="constant", constant=value)

    return stone


def test_a_search_that_is_asked_for_more_goes_on_and_comes_to_what_one_search_comes_to(fits: type[Counted]) -> None:
    straight = Remembered()
    expected = searched(varied(), 30, straight)
    before, memory = fits.fits, Remembered()
    for trials in (1, 6, 21):
        searched(varied(), trials, memory)
    found = searched(varied(), 30, memory)
    assert fits.fits - before == before
    assert [replaced(one) for one in memory.known()] == [replaced(one) for one in straight.known()]
    assert (found, found.known) == (expected, 21)
    assert 0 < found.failed < 30


def replaced(trial: KeptTrial) -> KeptTrial:
    """The trial without the time that it took."""
    return msgspec.structs.replace(trial, took_ms=0)


def test_a_search_that_is_known_is_answered_from_memory_alone(fits: type[Counted]) -> None:
    memory = Remembered()
    first = searched(varied(), 20, memory)
    fits.fits = 0
    told: list[int] = []
    again = tune(
        varied(),
        varied().recipes["varied"],
        ROWS,
        trials=20,
        memory=memory,
        progress=lambda *said: told.append(said[0]),
    )
    assert (again, again.known, fits.fits) == (first, 20, 0)
    assert told == list(range(1, 21))


@pytest.mark.parametrize("lost", [[0], [5], [12, 17, 19], list(range(9, 20))])
def test_what_was_lost_in_between_is_searched_again_and_comes_to_the_same(lost: list[int], fits: type[Counted]) -> None:
    memory = Remembered()
    expected = searched(varied(), 20, memory)
    whole = memory.known()
    memory = Remembered([one for one in whole if one.number not in lost])
    fits.fits = 0
    assert searched(varied(), 20, memory) == expected
    assert [replaced(one) for one in memory.known()] == [replaced(one) for one in whole]
    assert fits.fits == len([one for one in whole if one.number in lost and one.state == "complete"])


def test_trials_of_another_search_space_are_not_taken_for_this_ones(fits: type[Counted]) -> None:
    memory = Remembered()
    searched(varied(), 12, memory)
    found = searched(varied(most=500.0), 12, memory)
    assert (found, found.known) == (searched(varied(most=500.0), 12), 0)
    again = searched(varied(most=500.0), 12, memory)  # what replaced them is known now
    assert (again, again.known) == (found, 12)


def test_a_memory_that_fails_stops_the_search() -> None:
    class Full(Remembered):
        def keep(self, trial: KeptTrial) -> None:
            raise StoreUnavailable("The disk is full.")

    with pytest.raises(StoreUnavailable, match="full"):
        searched(varied(), 12, Full())


@pytest.mark.filterwarnings("ignore:Choices for a categorical distribution:UserWarning")
def test_a_trial_that_cannot_be_written_down_is_searched_but_not_kept() -> None:
    stone = assay.Model("stone", input=Stone, target="price")

    @stone.recipe(trials=8)
    def paired(trial: Any) -> Any:
        return DummyRegressor(strategy="constant", constant=trial.suggest_categorical("pair", [(1, 2), (3, 4)])[0])

    memory = Remembered()
    assert tune(stone, stone.recipes["paired"], ROWS, trials=6, memory=memory).trials == 6
    assert memory.known() == []


PROGRAM = """
import os, signal, sys, time
from pathlib import Path
import numpy as np
import polars as pl
from sklearn.dummy import DummyRegressor
import assay
from assay.store.databases.sqlite import Sqlite
from assay.store.work.trials import Trials
from assay.training.tune import tune

home, trials, processors, pause = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:processors])
signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a shell has it ignored


class Stone(assay.Input):
    carat: float = assay.Number()


class Slow(DummyRegressor):
    def fit(self, rows, target):
        with (home / "begun").open("a") as file:
            file.write("x")
        until = time.monotonic() + pause
        while time.monotonic() < until:
            time.sleep(0.005)
        return super().fit(rows, target)


stone = assay.Model("stone", input=Stone, target="price")


@stone.recipe(trials=8)
def slow(trial):
    value = trial.suggest_float("value", 1, 1000, log=True) + trial.suggest_int("more", 0, 50)
    return Slow(strategy="constant", constant=value)


rows = pl.DataFrame({"carat": np.linspace(0, 1, 50), "price": np.linspace(90.0, 110.0, 50)})
tune(stone, stone.recipes["slow"], rows, trials=trials, memory=Trials(Sqlite(home / "assay.db")).study("s" * 64))
"""


def home(folder: Path) -> Path:
    """A folder with an empty store."""
    folder.mkdir()
    database = Sqlite(folder / "assay.db")
    schema.upgrade(database)
    database.close()
    return folder


def start(folder: Path, trials: int, *, processors: int, pause_s: float) -> subprocess.Popen[bytes]:
    told = [sys.executable, "-c", PROGRAM, str(folder), str(trials), str(processors), str(pause_s)]
    return subprocess.Popen(told, stderr=subprocess.PIPE)


def begun(folder: Path) -> int:
    """How many evaluations have begun."""
    file = folder / "begun"
    return file.stat().st_size if file.exists() else 0


def wait_for(process: subprocess.Popen[bytes], folder: Path, count: int) -> None:
    until = time.monotonic() + 60
    while begun(folder) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.005)


def kept(folder: Path) -> list[KeptTrial]:
    database = Sqlite(folder / "assay.db")
    try:
        return [replaced(one) for one in Trials(database).of("s" * 64)]
    finally:
        database.close()


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> list[KeptTrial]:
    """What a search of 20 trials comes to that nobody disturbs."""
    folder = home(tmp_path_factory.mktemp("straight") / "home")
    process = start(folder, 20, processors=1, pause_s=0.0)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    return kept(folder)


@pytest.mark.parametrize("processors", [1, 2])
def test_a_search_that_was_killed_goes_on_and_comes_to_what_it_would_have_come_to(
    tmp_path: Path, straight: list[KeptTrial], processors: int
) -> None:
    killed = home(tmp_path / "killed")
    first = start(killed, 20, processors=processors, pause_s=0.1)
    wait_for(first, killed, 9)
    first.kill()
    first.communicate()
    assert 0 < len(kept(killed)) < 20
    again = start(killed, 20, processors=processors, pause_s=0.0)
    _, said = again.communicate(timeout=60)
    assert again.returncode == 0, said
    assert kept(killed) == straight
    assert len(straight) == 20
    assert 20 <= begun(killed) <= 20 + min(processors, len(os.sched_getaffinity(0)))


def test_an_interruption_ends_the_search_at_once_and_keeps_what_was_done(tmp_path: Path) -> None:
    folder = home(tmp_path / "home")
    start(folder, 6, processors=1, pause_s=0.0).communicate(timeout=60)
    process = start(folder, 20, processors=2, pause_s=600)
    wait_for(process, folder, 7)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert b"KeyboardInterrupt" in said
    assert len(kept(folder)) == 6


# ---- neither the machine nor the clock decides


def test_the_number_of_processors_changes_nothing() -> None:
    stone = assay.Model("stone", input=Stone, target="price")

    @stone.recipe(trials=8)
    def uneven(trial: Any) -> Any:
        value = trial.suggest_float("value", 0, 1000)
        time.sleep(value / 1e5)  # later ones are done first
        return DummyRegressor(strategy="constant", constant=value)

    every = os.sched_getaffinity(0)
    found: list[tuple[Tuned, list[KeptTrial]]] = []
    try:
        for processors in (sorted(every)[:1], every):
            os.sched_setaffinity(0, processors)
            memory = Remembered()
            tuned = tune(stone, stone.recipes["uneven"], ROWS, trials=25, memory=memory)
            found.append((tuned, [replaced(one) for one in memory.known()]))
    finally:
        os.sched_setaffinity(0, every)
    assert found[0] == found[1]


def test_a_study_is_named_by_all_that_its_trials_follow_from() -> None:
    told = {"dataset": "d" * 64, "code_digest": "c" * 64, "libraries": {"optuna": "5", "xgboost": "3", "polars": "1"}}
    recipe = varied().recipes["varied"]

    def name(stone: assay.Model[Stone] | None = None, recipe: Any = recipe, **more: Any) -> str:
        return study_name(stone or varied(), recipe, **(told | more))

    seeded, renamed = varied(), varied()
    seeded.seed, renamed.name = 43, "other"
    others = [
        name(seeded), name(renamed), name(recipe=replace(recipe, name="other")), name(dataset="e" * 64),
        name(code_digest="d" * 64), name(libraries={"optuna": "6", "xgboost": "3"}),
    ]  # fmt: skip
    assert len({name(), *others}) == 7
    assert len(name()) == 64
    assert name() == name(recipe=replace(recipe, trials=99)) == name(libraries={"optuna": "5", "xgboost": "3"})


# ---- hopeless trials are pruned


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small tables are worth a first fit on fewer rows, too."""
    monkeypatch.setattr(module, "RUNG_FROM", 10)
    monkeypatch.setattr(module, "RUNG_SHARE", 1 / 9)


def grown(sizes: list[int]) -> assay.Model[Stone]:
    """Trees of some depth, which note from how many rows they learn."""
    stone = assay.Model("stone", input=Stone, target="price")

    class Tree(DecisionTreeRegressor):  # type: ignore[misc]  # scikit-learn publishes no types
        def fit(self, rows: Any, target: Any) -> Any:
            sizes.append(len(rows))
            return super().fit(rows, target)

    @stone.recipe(trials=8)
    def tree(trial: Any) -> Any:
        return Tree(min_samples_leaf=trial.suggest_int("leaf", 1, 200), random_state=0)

    return stone


CURVE = pl.DataFrame({"carat": np.linspace(0, 1, 900), "price": np.sin(np.linspace(0, 9, 900)) * 100 + 200})


@pytest.mark.usefixtures("rung")
def test_a_trial_that_is_hopeless_on_fewer_rows_is_pruned_and_never_chosen() -> None:
    sizes: list[int] = []
    memory = Remembered()
    found = tune(grown(sizes), grown(sizes).recipes["tree"], CURVE, trials=40, memory=memory)
    assert found.pruned > 0
    assert (sizes.count(80), sizes.count(720)) == (40, 40 - found.pruned)
    states = {one.number: one.state for one in memory.known()}
    assert states[found.number] == "complete"
    assert [one.value for one in memory.known() if one.state == "pruned"] == [None] * found.pruned
    assert all(states[number] == "complete" for number in range(AT_ONCE + 9))
    complete = [one.value for one in memory.known() if one.value is not None]
    assert found.value == min(complete)


@pytest.mark.usefixtures("rung")
def test_pruned_trials_are_known_too(fits: type[Counted]) -> None:
    sizes: list[int] = []
    model = grown(sizes)
    memory = Remembered()
    expected = tune(model, model.recipes["tree"], CURVE, trials=40, memory=memory)
    whole = [replaced(one) for one in memory.known()]
    for missing in ([39], list(range(20, 40))):
        sizes.clear()
        memory = Remembered([one for one in whole if one.number not in missing])
        assert tune(model, model.recipes["tree"], CURVE, trials=40, memory=memory) == expected
        assert [replaced(one) for one in memory.known()] == whole
        assert sizes.count(80) == len(missing)


def test_where_a_fit_is_cheap_every_trial_learns_from_all_rows_at_once() -> None:
    sizes: list[int] = []
    found = tune(grown(sizes), grown(sizes).recipes["tree"], CURVE, trials=20)
    assert (sizes, found.pruned) == ([720] * 20, 0)


def test_optuna_says_as_much_as_before() -> None:
    before = optuna.logging.get_verbosity()
    searched(varied(), 2)
    assert optuna.logging.get_verbosity() == before
