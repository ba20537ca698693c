"""A rollout is a decision that is not taken back, only followed by another; its draw is honest, and forgets nobody."""

from __future__ import annotations

from collections import Counter
from math import sqrt

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from assay.domain.releases.rollout import Arm, Rollout

ROLLOUT = Rollout(id="0" * 32, at=1, model="stone", version=2)
SUBJECTS = 20_000


def split(*shares: float, name: str = "checkout", **told: object) -> Rollout:
    """An experiment among the versions 1, 2 and so on, with these shares."""
    arms = tuple(Arm(version=number, share=share) for number, share in enumerate(shares, 1))
    return msgspec.structs.replace(ROLLOUT, version=1, experiment=name, arms=arms, **told)


def test_a_decision_never_changes() -> None:
    with pytest.raises(AttributeError):
        ROLLOUT.version = 3  # type: ignore[misc]  # the point of the test


def test_the_first_decision_follows_none() -> None:
    assert ROLLOUT.previous is None
    assert msgspec.json.decode(msgspec.json.encode(ROLLOUT), type=Rollout) == ROLLOUT


def test_without_arms_one_version_answers_everybody() -> None:
    assert ROLLOUT.answering == (2,)
    assert {ROLLOUT.choose(str(one)) for one in range(100)} == {2}


def test_where_every_arm_answers_everything_the_main_version_is_the_one_that_is_heard() -> None:
    rollout = split(0.5, 0.5, mode="all")
    assert rollout.answering == (1, 2)
    assert {rollout.choose(str(one)) for one in range(100)} == {1}


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.9, 0.1), (0.2, 0.3, 0.5), (0.125,) * 8])
def test_each_arm_has_its_share_of_the_subjects(shares: tuple[float, ...]) -> None:
    rollout = split(*shares)
    found = Counter(rollout.choose(f"subject {one}") for one in range(SUBJECTS))
    for arm in rollout.arms:
        reach = 4 * sqrt(arm.share * (1 - arm.share) / SUBJECTS)
        assert abs(found[arm.version] / SUBJECTS - arm.share) < reach


@given(some.text(max_size=50))
def test_a_subject_falls_to_the_same_arm_whenever_it_is_asked(subject: str) -> None:
    rollout = split(0.3, 0.7)
    again = msgspec.json.decode(msgspec.json.encode(rollout), type=Rollout)
    assert rollout.choose(subject.encode("utf-8", "replace").decode()) == again.choose(
        subject.encode("utf-8", "replace").decode()
    )


def test_other_shares_move_only_the_subjects_between_the_boundaries() -> None:
    before, after = split(0.5, 0.5), split(0.6, 0.4)
    moved = [one for one in range(SUBJECTS) if before.choose(str(one)) != after.choose(str(one))]
    assert all((before.choose(str(one)), after.choose(str(one))) == (2, 1) for one in moved)
    assert abs(len(moved) / SUBJECTS - 0.1) < 4 * sqrt(0.1 * 0.9 / SUBJECTS)


def test_another_name_draws_the_subjects_anew() -> None:
    one, other = split(0.5, 0.5), split(0.5, 0.5, name="another")
    same = sum(one.choose(str(each)) == other.choose(str(each)) for each in range(SUBJECTS)) / SUBJECTS
    assert abs(same - 0.5) < 4 * sqrt(0.25 / SUBJECTS)


def test_shares_that_rounding_leaves_short_of_one_leave_nobody_without_an_arm() -> None:
    rollout = split(0.1, 0.2, 0.3, 0.4 - 1e-10)
    assert {rollout.choose(str(one)) for one in range(1000)} == {1, 2, 3, 4}
