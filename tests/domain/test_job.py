"""A job has ended in four of its six states, and each attempt of it begins with nothing."""

from __future__ import annotations

from typing import get_args

import pytest

from assay.domain.job import ENDED, STATES, Job, JobState
from tests import chores


def test_the_states_are_those_of_the_type() -> None:
    assert get_args(JobState) == STATES
    assert set(STATES) > ENDED


@pytest.mark.parametrize("state", STATES)
def test_a_job_has_ended_or_goes_on(state: str) -> None:
    assert chores.chore(state=state).ended == (state not in ("queued", "running"))


def test_a_new_job_waits_for_its_first_attempt() -> None:
    made = chores.chore()
    assert (made.state, made.attempts, made.token, made.result, made.cancel_requested) == (
        "queued",
        0,
        None,
        None,
        False,
    )


def test_jobs_do_not_share_their_arguments() -> None:
    first, second = (Job(id=id, at=0, verb="train") for id in ("a", "b"))
    first.arguments["x"] = 1
    assert second.arguments == {}
