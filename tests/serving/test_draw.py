"""A draw gives each subject its arm, as the rollout has it, and the same one again."""

from __future__ import annotations

from assay.domain.releases.rollout import Arm, Rollout
from assay.serving.draw import Draw
from tests import rows, standins

ROLLOUT = rows.rollout(1, experiment="checkout", arms=(Arm(version=1, share=0.5), Arm(version=2, share=0.5)))
ARMS = {number: standins.version(standins.times(number), number=number) for number in (1, 2)}
SUBJECTS = [str(one) for one in range(200)]


def test_a_subject_is_answered_as_the_rollout_says() -> None:
    draw = Draw(ROLLOUT, ARMS)
    picked = [draw.pick(one) for one in SUBJECTS]
    assert [one.version.number for one in picked] == [ROLLOUT.choose(one) for one in SUBJECTS]
    assert {one.experiment for one in picked} == {"checkout"}
    assert {id(one.version) for one in picked} == {id(one) for one in ARMS.values()}
    assert picked == [Draw(ROLLOUT, ARMS).pick(one) for one in SUBJECTS], "another process says otherwise"


def test_without_stickiness_everybody_is_forgotten() -> None:
    draw = Draw(ROLLOUT, ARMS, sticky=False)
    assert {draw.version("the same").number for _ in range(100)} == {1, 2}


def test_a_draw_does_not_follow_what_the_caller_does_with_its_arms() -> None:
    arms = dict(ARMS)
    draw = Draw(ROLLOUT, arms)
    arms.clear()
    assert isinstance(ROLLOUT, Rollout)
    assert draw.version("1").number in (1, 2)
