"""Workers give back what their tasks give or raise, and end at once when whoever waits for them is interrupted."""

from __future__ import annotations

import contextvars
import threading
import time
from functools import partial

import pytest
import sklearn

from assay.training.workers import Workers

SAID = contextvars.ContextVar("SAID", default="nothing")


def test_tasks_run_side_by_side_and_give_what_they_give() -> None:
    both = threading.Barrier(2, timeout=20)

    def meets(place: int) -> int:
        both.wait()
        return place

    with Workers(2) as workers:
        done = [workers.submit(partial(meets, place)) for place in range(2)]
        assert [one.result() for one in done] == [0, 1]


def test_what_a_task_raises_is_raised_where_it_is_waited_for() -> None:
    def fails() -> None:
        raise ArithmeticError("never")

    with Workers(1) as workers, pytest.raises(ArithmeticError, match="never"):
        workers.submit(fails).result()


def test_an_interruption_ends_what_runs_and_what_waits() -> None:
    begun, ended, later = threading.Event(), threading.Event(), threading.Event()

    def endless() -> None:
        begun.set()
        try:
            while True:
                time.sleep(0.001)
        finally:
            ended.set()

    def interrupted() -> None:
        with Workers(1) as workers:
            workers.submit(endless)
            waiting = workers.submit(later.set)
            begun.wait(20)
            told.append(waiting)
            raise KeyboardInterrupt

    told: list[object] = []
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert ended.is_set()
    assert not later.is_set()
    assert threading.active_count() == before


def test_the_settings_of_scikit_learn_and_of_the_context_hold_in_the_threads_too() -> None:
    SAID.set("something")
    with sklearn.config_context(transform_output="polars"), Workers(1) as workers:
        assert workers.submit(lambda: sklearn.get_config()["transform_output"]).result() == "polars"
        assert workers.submit(SAID.get).result() == "something"
    with Workers(1) as workers:
        assert workers.submit(lambda: sklearn.get_config()["transform_output"]).result() == "default"
