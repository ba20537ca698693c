"""The metrics by which versions are ranked, each with its direction."""

from __future__ import annotations

from typing import Literal

Metric = Literal["mae", "rmse", "mape", "r2", "average_precision", "f1", "log_loss", "brier"]
OF_NUMBERS = ("mae", "rmse", "mape", "r2")
OF_LABELS = ("average_precision", "f1", "log_loss", "brier")
GREATER_IS_BETTER: dict[str, bool] = {
    "mae": False, "rmse": False, "mape": False, "r2": True,
    "average_precision": True, "precision": True, "recall": True, "f1": True, "log_loss": False, "brier": False, "error": False,
    "ndcg_at_10": True, "calibration_error": False,
}  # fmt: skip
SHARES = frozenset({"r2", "average_precision", "f1"})  # whose differences are told as they are, and not as shares


def better(metric: str, candidate: float, champion: float) -> bool:
    """Whether the candidate's value is strictly better, in this metric's direction."""
    return candidate > champion if GREATER_IS_BETTER[metric] else candidate < champion


def rank_key(metric: str, value: float) -> float:
    """A number that sorts the best value first."""
    return -value if GREATER_IS_BETTER[metric] else value
