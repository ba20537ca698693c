"""The reasons of an answer, in the target's own unit: Shapley values against rows of the version's training data.

Antithetic permutation sampling (Mitchell, Cooper, Frank, Holmes: Sampling Permutations for Shapley Value Estimation,
JMLR 23, 2022), one background row a permutation. The background rows are spread evenly over the targets of the training
rows, so that few of them stand for all and the base is close to the mean. Every chain walks from a background row to
the question one feature at a time, so base + parts is the answer exactly, for any model, whatever the number of
permutations; what the number improves is only how the answer is shared out. Permutations are seeded, so the same
question has the same reasons.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.domain.prediction import Part
from assay.errors import NoNumber
from assay.serving.loaded import LoadedVersion
from assay.serving.predict import predict
from assay.serving.similar import plain

PERMUTATIONS = 64
SEED = 20


def explain(version: LoadedVersion, question: Any) -> tuple[float, float, tuple[Part, ...]]:
    """The answer, the base (the mean answer to the background rows), and what each feature adds; raises NoNumber."""
    if version.contract.target.labels:
        raise NoNumber
    names = list(version.contract.fields)
    asked = [getattr(question, name) for name in names]
    orders = _orders(len(names))
    chains = _background(version, names, len(orders))
    kind = version.contract.question
    walked = []
    for start, order in zip(chains, orders, strict=True):
        now = list(start)
        walked.append(kind(**dict(zip(names, now, strict=True))))
        for feature in order:
            now[feature] = asked[feature]
            walked.append(kind(**dict(zip(names, now, strict=True))))
    answers = np.array(predict(version, walked), np.float64).reshape(len(orders), len(names) + 1)
    steps = np.zeros(len(names))
    for row, order in enumerate(orders):
        steps[order] += np.diff(answers[row])
    shares = steps / len(orders)
    parts = tuple(
        Part(feature=name, value=value, contribution=float(share))
        for name, value, share in zip(names, asked, shares, strict=True)
    )
    return float(answers[0, -1]), float(answers[:, 0].mean()), parts


def _orders(features: int) -> list[np.ndarray[Any, Any]]:
    draw = np.random.default_rng(SEED)
    forward = [draw.permutation(features) for _ in range(PERMUTATIONS)]
    return [order for one in forward for order in (one, one[::-1])]


def _background(version: LoadedVersion, names: list[str], count: int) -> list[list[Any]]:
    rows, example = version.rows, version.contract.example()
    if rows is None or not len(rows):
        return [[example[name] for name in names]] * count
    picked = version.background(count // 2)
    # texts are not among the kept rows: they stay at the example
    found = [example | plain(row, version.contract) for row in picked]
    # a permutation and its mirror image share their background row
    return [[row[name] for name in names] for row in found for _ in (0, 1)]
