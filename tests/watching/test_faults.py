"""Each fault is told from what only looks like it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.watching.faults import mixed_up, scale, silence
from tests.watching import worlds
from tests.watching.worlds import WORDS, World, odds


@pytest.fixture(scope="module")
def world() -> World:
    return World.drawn(5)


def test_swapped_labels_are_named_and_put_right(world: World) -> None:
    swaps, check = mixed_up(world.evidence(worlds.swapped(world.version(1), 3, 6)))

    assert swaps == {3: 6, 6: 3}
    assert not check.passed
    assert check.detail.startswith(
        "labels are swapped: 'three' is told by the confidences of 'six' (average precision 0.9"
    )
    assert "'six' is told by the confidences of 'three'" in check.detail
    assert silence(world.evidence(worlds.swapped(world.version(1), 3, 6)), swaps).passed


def test_words_that_sound_alike_are_no_swap(world: World) -> None:
    told = world.version(1, strength=2.0)
    told[:, 9] = np.maximum(told[:, 9], 0.9 * told[:, 5])  # nine is told wherever five is

    swaps, check = mixed_up(world.evidence(told))

    assert swaps == {}
    assert check.detail == "each of 10 labels is told by its own confidences"


def test_a_label_that_is_told_by_nobody_is_not_given_anothers_confidences(world: World) -> None:
    told = world.version(1)
    told[:, 7] = np.random.default_rng(0).random(len(told)) * 0.01

    swaps, check = mixed_up(world.evidence(told))

    assert swaps == {}
    assert (check.passed, check.warned) == (True, True)
    assert check.detail == "told about as well as by chance: seven, of 10 labels"


def test_one_label_cannot_be_mixed_up(world: World) -> None:
    found = replace(world.evidence(world.version(1)[:, :1]), labels=WORDS[:1], truth=world.truth[:, :1])

    assert mixed_up(found)[1].passed
    assert mixed_up(replace(found, truth=np.zeros_like(found.truth), labels=WORDS[:1]))[1].passed


def test_a_label_of_few_recordings_is_not_judged() -> None:
    found = World.drawn(1, recordings=4, seconds=3)
    assert mixed_up(found.evidence(worlds.swapped(found.version(1))))[1].passed


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (worlds.silenced, "fires on silence: some label is told in "),
        (worlds.speaking, "hears no difference between the words: of two seconds with labels the right one has the higher"),
        (lambda world, seed: np.full(world.truth.shape, 0.07), "the confidences are about the same everywhere, 0.07 to 0.07"),
    ],
)  # fmt: skip
def test_what_follows_no_word_is_said_in_words(world: World, make: worlds.Make, said: str) -> None:
    check = silence(world.evidence(make(world, 1)), {})

    assert not check.passed
    assert said in check.detail


def test_a_version_that_fires_now_and_then_is_worth_a_look(world: World) -> None:
    told = world.version(1)
    quiet = np.flatnonzero(~world.truth.any(axis=1))
    told[quiet[::3], 0] = 0.6

    check = silence(world.evidence(told), {})

    assert (check.passed, check.warned) == (True, True)
    assert "some label is told in 3" in check.detail


def test_rows_without_silence_are_judged_by_their_labels(world: World) -> None:
    speaks = world.truth.any(axis=1)
    some = World(world.units[speaks], world.truth[speaks], world.heard[speaks], world.hard[speaks], 0.1)

    assert silence(replace(some.evidence(some.version(1)), sound=False), {}).passed
    check = silence(replace(some.evidence(worlds.speaking(some, 1)), sound=False), {})
    assert check.detail.startswith("tells no label from another: of two rows with labels")


def test_a_row_without_a_label_is_not_as_bad_as_silence(world: World) -> None:
    told = world.version(1)
    quiet = np.flatnonzero(~world.truth.any(axis=1))
    told[quiet, 0] = np.maximum(told[quiet, 0], 0.55)

    assert not silence(world.evidence(told), {}).passed
    rows = silence(replace(world.evidence(told), sound=False), {})
    assert (rows.passed, rows.warned) == (True, True)


def test_of_few_seconds_nothing_is_said() -> None:
    few = World.drawn(1, recordings=2, seconds=3)
    assert silence(few.evidence(worlds.speaking(few, 1)), {}).detail == "too few rows to say anything"


def test_half_the_confidences_are_named_and_a_threshold_that_lies_beside_them(world: World) -> None:
    half = scale(world.evidence(world.version(1) / 2))
    high = scale(world.evidence(odds(world.version(1), add=7)))

    assert not half.passed
    assert half.detail.startswith("confidences are about half what they should be: the surest ")
    assert "at 0.5 recall is " in half.detail
    assert not high.passed
    assert high.detail.startswith("confidences are far too high: ")


def test_a_quarter_is_no_half(world: World) -> None:
    assert "confidences are about 2" in scale(world.evidence(world.version(1) / 4)).detail


@pytest.mark.parametrize("strength", [1.5, 2.5, 4.0, 8.0])
def test_confidences_that_are_as_often_right_as_they_say_have_their_scale(world: World, strength: float) -> None:
    check = scale(world.evidence(world.version(1, strength)))
    assert check.passed, check.detail


def test_confidences_of_a_lower_threshold_are_halved_as_well(world: World) -> None:
    found = world.evidence(world.version(1) / 2)
    assert not scale(replace(found, threshold=0.1)).passed


def test_what_tells_nothing_has_no_scale(world: World) -> None:
    nothing = scale(world.evidence(np.random.default_rng(0).random(world.truth.shape) * 0.05))
    assert nothing.passed
    assert nothing.detail.startswith("nothing is told well enough to be out of scale")
    silent = replace(world.evidence(world.version(1)), truth=np.zeros_like(world.truth))
    assert scale(silent).detail == "no label is there that could be told"
