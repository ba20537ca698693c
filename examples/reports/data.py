"""Made-up reports of users about users, and how likely each was to matter: the relation is known, so is the best that can be."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl


def rows(count: int = 20_000, seed: int = 11) -> pl.DataFrame:
    """`count` reports, the same for the same seed; `relevant` holds the labels that a moderator gave, as JSON."""
    draw = np.random.default_rng(seed)
    kind = draw.choice(["MSG", "PRF"], count, p=[0.7, 0.3])
    length = np.where(kind == "MSG", draw.gamma(1.6, 70, count), draw.gamma(1.2, 40, count)).round().clip(0, 2_000)
    rating = draw.beta(4, 2, count).round(3)
    popularity = draw.choice(6, count, p=[0.25, 0.25, 0.2, 0.15, 0.1, 0.05])
    matches = np.where(draw.random(count) < 0.8, draw.poisson(12 + 6 * popularity, count), -1)
    likely = probability(kind, length, rating, popularity, matches)
    relevant = draw.random(count) < likely
    return pl.DataFrame({
        "abuse_type": kind, "report_text_len": length.astype(np.int64), "profile_rating": rating, "popularity": popularity,
        "lifetime_matches_created": pl.Series(matches).replace(-1, None), "relevant": np.where(relevant, '["relevant"]', "[]"),
    })  # fmt: skip


def probability(kind: Any, length: Any, rating: Any, popularity: Any, matches: Any) -> Any:
    """float64 [n]: how likely a report is to matter. Long messages about unpopular, badly rated profiles do most.

    The logarithm of the odds is -2.4 + 1.1 (a message) + 0.9 log(1 + length / 60) - 2.6 (rating - 0.65)
    - 0.35 popularity - 0.02 (matches - 20), the last where they are known, and 1.2 more where a rating below 0.4 meets a
    message of more than 150 characters.
    """
    message, known = kind == "MSG", matches >= 0
    odds = -2.4 + 1.1 * message + 0.9 * np.log1p(length / 60) - 2.6 * (rating - 0.65) - 0.35 * popularity
    odds = odds - 0.02 * np.where(known, matches - 20, 0) + 1.2 * (message & (rating < 0.4) & (length > 150))
    return 1 / (1 + np.exp(-odds))


def best(reports: pl.DataFrame) -> Any:
    """float64 [n]: the true probabilities of these reports, by which nobody can rank them better."""
    matches = reports["lifetime_matches_created"].fill_null(-1).to_numpy()
    return probability(
        reports["abuse_type"].to_numpy(), reports["report_text_len"].to_numpy(), reports["profile_rating"].to_numpy(),
        reports["popularity"].to_numpy(), matches,
    )  # fmt: skip
