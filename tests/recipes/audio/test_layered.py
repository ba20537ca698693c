"""Fully connected layers find words of which nobody says where in their second they are."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone

from assay.recipes.audio.layered import Layers, layers
from tests.recipes.audio.networks import TO_ASK, TO_LEARN, check_network
from tests.recipes.audio.spoken import FIELD

SMALL = {"hidden": 32, "members": 2, "passes": 25}


def test_it_learns_is_stored_and_is_drawn_and_a_seed_decides_everything() -> None:
    fitted, again, other = (layers(FIELD, seed=seed, **SMALL).fit(*TO_LEARN) for seed in (1, 1, 2))
    check_network(fitted, again, other)
    assert fitted.weights_["hidden"].shape == (64, 1, 32, 17)


def test_it_takes_the_field_and_its_settings_as_scikit_learn_does() -> None:
    made = clone(layers(FIELD, hidden=8)).set_params(passes=3)
    assert (made.rate, made.margin_s, made.hidden, made.passes, made.seed) == (8_000, 0.25, 8, 3, 42)
    with pytest.raises(TypeError, match="width"):
        layers(FIELD, width=3)


@pytest.mark.parametrize("labels", [1, 2])
def test_few_labels_and_few_rows_and_none_with_a_word_are_learnt_too(labels: int) -> None:
    heard, truth = TO_LEARN
    for rows in (3, 40):
        for known in (truth[:rows, :labels], np.zeros((rows, labels), bool)):
            told = Layers(hidden=4, members=1, passes=4).fit(heard[:rows], known).predict_proba(TO_ASK[0][:5])
            assert told.shape == (5, labels)
            assert ((told >= 0) & (told <= 1)).all()


def test_a_single_label_is_found() -> None:
    heard, truth = TO_LEARN
    made = layers(FIELD, seed=3, **SMALL).fit(heard, truth[:, :1])
    asked, known = TO_ASK
    assert ((made.predict_proba(asked)[:, 0] >= 0.5) == known[:, 0]).mean() > 0.9
