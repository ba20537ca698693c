"""Who fails too often is left alone, and one question finds out whether it has come back."""

from __future__ import annotations

import time
from typing import Any

import pytest

from assay.errors import ModelFailed, Overloaded, RemoteModelRefused, RemoteModelResting
from assay.serving.endpoints.breaker import Breaker

REST_S = 0.15


def ask(breaker: Breaker, outcome: BaseException | None = None) -> None:
    with breaker.question():
        if outcome is not None:
            raise outcome


def fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(ModelFailed):
            ask(breaker, ModelFailed())


def resting(breaker: Breaker) -> bool:
    try:
        ask(breaker)
    except RemoteModelResting:
        return True
    return False


def test_only_failures_one_after_the_other_count() -> None:
    breaker = Breaker(3, REST_S)
    for _ in range(3):
        fail(breaker, 2)
        ask(breaker)
    fail(breaker, 3)
    assert resting(breaker)


def test_after_the_rest_one_question_is_let_through_and_the_others_wait_for_it() -> None:
    breaker = Breaker(1, REST_S)
    fail(breaker)
    assert resting(breaker)
    time.sleep(REST_S + 0.02)
    with breaker.question():
        assert resting(breaker)
    assert not resting(breaker)


def test_if_that_one_fails_another_rest_begins() -> None:
    breaker = Breaker(3, REST_S)
    fail(breaker, 3)
    time.sleep(REST_S + 0.02)
    fail(breaker)
    assert resting(breaker)


@pytest.mark.parametrize("outcome", [KeyboardInterrupt(), Overloaded()])
def test_if_that_one_is_never_put_the_next_one_is(outcome: BaseException) -> None:
    breaker = Breaker(1, REST_S)
    fail(breaker)
    time.sleep(REST_S + 0.02)
    with pytest.raises(type(outcome)):
        ask(breaker, outcome)
    assert not resting(breaker)


def test_who_refuses_a_question_is_there() -> None:
    breaker = Breaker(2, REST_S)
    fail(breaker)
    with pytest.raises(RemoteModelRefused):
        ask(breaker, RemoteModelRefused())
    fail(breaker)
    assert not resting(breaker)


def test_what_was_asked_before_the_rest_changes_nothing_in_it() -> None:
    breaker = Breaker(1, REST_S)
    early: Any = breaker.question()
    early.__enter__()
    fail(breaker)
    early.__exit__(None, None, None)
    assert resting(breaker)
