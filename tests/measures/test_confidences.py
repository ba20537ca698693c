"""The metrics of confidences: scikit-learn's figures, what is left out, and what nobody told."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from assay.measures.confidences import across, average_precision, by_label, calibration_error, covered, metrics, ndcg

LABELS = ("zero", "one", "two")


def drawn(seed: int, rows: int = 400, decimals: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Truth bool [n, 3] and confidences float32 [n, 3] that know something of it; rounded ones have many ties."""
    draw = np.random.default_rng(seed)
    truth = draw.random((rows, 3)) < [0.1, 0.3, 0.02]
    truth[0] = True
    told = np.clip(0.5 * truth + draw.random((rows, 3)) * 0.7, 0.001, 0.999)
    return truth, (told if decimals is None else told.round(decimals)).astype(np.float32)


@pytest.mark.parametrize("decimals", [None, 1, 0])
@pytest.mark.parametrize("seed", range(5))
def test_metrics_are_those_of_scikit_learn(seed: int, decimals: int | None) -> None:
    truth, told = drawn(seed, decimals=decimals)
    found = metrics(truth, told, LABELS, 0.5)

    ranked, missed = found.pop("ndcg_at_10"), found.pop("calibration_error")
    some = truth.any(axis=1)
    if decimals is None:  # of equal confidences scikit-learn takes another one first
        assert ranked == pytest.approx(sk.ndcg_score(truth[some], told[some], k=10), rel=1e-6)
    assert 0 <= missed <= 1
    at = told >= 0.5
    assert found == pytest.approx({
        "average_precision": sk.average_precision_score(truth, told, average="macro"),
        "precision": sk.precision_score(truth, at, average="micro"),
        "recall": sk.recall_score(truth, at, average="micro"),
        "f1": sk.f1_score(truth, at, average="micro"),
        "log_loss": sk.log_loss(truth.ravel(), told.ravel()),
        "brier": sk.brier_score_loss(truth.ravel(), told.ravel()),
        "error": 1 - sk.accuracy_score(truth, at),
    }, rel=1e-6)  # fmt: skip


@pytest.mark.parametrize("decimals", [None, 1])
def test_each_label_has_its_own_figures(decimals: int | None) -> None:
    truth, told = drawn(3, decimals=decimals)
    found = by_label(truth, told, LABELS, 0.5)

    assert list(found) == list(LABELS)
    for place, label in enumerate(LABELS):
        here, said = truth[:, place], told[:, place]
        assert 0 <= found[label].pop("calibration_error") <= 1
        assert found[label] == pytest.approx({
            "rows": here.sum(),
            "average_precision": sk.average_precision_score(here, said),
            "precision": sk.precision_score(here, said >= 0.5),
            "recall": sk.recall_score(here, said >= 0.5),
            "f1": sk.f1_score(here, said >= 0.5),
            "log_loss": sk.log_loss(here, said),
            "brier": sk.brier_score_loss(here, said),
            "error": np.mean((said >= 0.5) != here),
        }, rel=1e-6)  # fmt: skip


def test_labels_that_are_nowhere_are_no_part_of_the_mean() -> None:
    truth, told = drawn(1)
    truth[:, 1] = False

    assert np.isnan(average_precision(truth, told)[1])
    assert metrics(truth, told, LABELS, 0.5)["average_precision"] == pytest.approx(
        sk.average_precision_score(truth[:, [0, 2]], told[:, [0, 2]], average="macro")
    )
    assert by_label(truth, told, LABELS, 0.5)["one"].keys() == {
        "rows", "precision", "f1", "log_loss", "brier", "error", "calibration_error",
    }  # fmt: skip


def test_what_is_not_defined_is_left_out() -> None:
    nothing = np.zeros((4, 3), np.bool_)

    assert metrics(nothing[:0], nothing[:0].astype(float), LABELS, 0.5) == {}
    found = metrics(nothing, np.zeros((4, 3)), LABELS, 0.5)
    assert found == pytest.approx({"log_loss": 0, "brier": 0, "error": 0, "calibration_error": 0}, abs=1e-6)
    assert metrics(~nothing, np.zeros((4, 3)), LABELS, 0.5)["f1"] == 0
    assert by_label(nothing[:0], nothing[:0].astype(float), LABELS, 0.5)["two"] == {"rows": 0}


def test_the_first_labels_count_most_and_rows_without_any_do_not_count() -> None:
    truth = np.array([[True, False, False], [False, False, False]])
    told = np.array([[0.1, 0.9, 0.5], [0.1, 0.2, 0.3]])
    assert ndcg(truth, told) == pytest.approx([1 / np.log2(4), np.nan], nan_ok=True)
    assert ndcg(truth, told, first=2) == pytest.approx([0, np.nan], nan_ok=True)
    assert metrics(truth, told, LABELS, 0.5)["ndcg_at_10"] == pytest.approx(1 / np.log2(4))


def test_confidences_that_are_the_shares_have_no_calibration_error() -> None:
    truth = np.array([[True], [False], [False], [False]])
    assert calibration_error(truth, np.full((4, 1), 0.25)) == pytest.approx(0)
    assert calibration_error(truth, np.full((4, 1), 1.0)) == pytest.approx(0.75)


def test_what_is_not_told_counts_as_nought() -> None:
    truth, told = drawn(2)
    odd, silent = told.copy(), told.copy()
    odd[:5] = np.array([np.nan, np.inf, -0.1, 1.5, np.nan])[:, None]
    silent[:5] = 0

    assert covered(odd).mean() == 1 - 5 / len(odd)
    assert metrics(truth, odd, LABELS, 0.5) == metrics(truth, silent, LABELS, 0.5)


def test_confidences_are_held_against_the_truth_of_every_label() -> None:
    truth, told = drawn(4)
    swapped = told[:, [1, 0, 2]]

    assert np.diag(across(truth, told)) == pytest.approx(average_precision(truth, told))
    assert across(truth, swapped)[0].argmax() == 1
    assert across(truth, swapped)[1].argmax() == 0


def test_what_does_not_go_together_is_refused() -> None:
    truth, told = drawn(0)

    with pytest.raises(ValueError, match="do not go together"):
        metrics(truth, told[:, :2], LABELS, 0.5)
    with pytest.raises(ValueError, match="2 labels do not go together"):
        by_label(truth, told, LABELS[:2], 0.5)
