"""Training with Keras leaves others' random numbers alone, and the arrays answer as the trained network did."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is not installed")

from assay.recipes import embedded_training as training

DRAW = np.random.default_rng(2)
TEXTS = [DRAW.integers(0, 12, DRAW.integers(0, 7)).tolist() for _ in range(70)]
FLAGS = np.eye(3, dtype=np.float32)[DRAW.integers(0, 3, 70)]
TRUTH = DRAW.random((70, 4)) < 0.4
ORDER = training.Order(widths=(6, 5, 4), passes=2, seed=1)


def test_texts_are_filled_up_with_words_that_have_no_share() -> None:
    words, shares = training.padded([[3, 4], [], [5]])
    assert words.tolist() == [[3, 4], [0, 0], [5, 0]] and words.dtype == np.int32
    assert shares.tolist() == [[0.5, 0.5], [0, 0], [1, 0]] and shares.dtype == np.float32
    assert training.padded([[]])[0].shape == (1, 1)


def test_arrays_answer_as_the_network_that_they_are_of() -> None:
    net = training.network(12, [3], 4, ORDER)
    told = net.predict([*training.padded(TEXTS), FLAGS], verbose=0)
    found = training.arrays(net, 1)
    means = np.stack([found.words[text].mean(axis=0) if text else np.zeros(6) for text in TEXTS])
    given = np.concatenate([means, FLAGS @ found.beside[0]], axis=1)
    for weights, bias in found.layers[:-1]:
        given = np.maximum(given @ weights + bias, 0)
    assert given @ found.layers[-1][0] + found.layers[-1][1] == pytest.approx(told, abs=1e-5)
    assert [weights.shape for weights, _ in found.layers] == [(12, 5), (5, 4), (4, 4)]


def test_it_has_the_widths_and_the_rate_of_its_order() -> None:
    found = training.learnt(TEXTS, [FLAGS], TRUTH, training.Order(widths=(124, 128, 64), passes=1, seed=1))
    assert found.words.shape == (12, 124) and found.beside[0].shape == (3, 124)
    assert [weights.shape for weights, _ in found.layers] == [(248, 128), (128, 64), (64, 4)]
    rate = training.network(12, [3], 4, ORDER).optimizer.learning_rate
    assert float(rate) == pytest.approx(0.01)


def test_a_seed_decides_everything_and_random_numbers_of_others_are_left_alone() -> None:
    keras = training.keras
    keras.utils.set_random_seed(5)
    expected = [np.random.rand(3), np.array(keras.random.uniform((3,)))]
    keras.utils.set_random_seed(5)
    first = training.learnt(TEXTS, [FLAGS], TRUTH, ORDER)
    drawn = [np.random.rand(3), np.array(keras.random.uniform((3,)))]
    assert all(np.array_equal(one, other) for one, other in zip(drawn, expected, strict=True))
    again = training.learnt(TEXTS, [FLAGS], TRUTH, ORDER)
    assert np.array_equal(first.words, again.words)
    assert all(
        np.array_equal(one, other)
        for here, there in zip(first.layers, again.layers, strict=True)
        for one, other in zip(here, there, strict=True)
    )
