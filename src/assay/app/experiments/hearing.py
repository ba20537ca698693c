"""What versions say of the newest kept items, label by label, and how they stood on the control set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from assay.app.experiments.found import ItemsFound, LabelFound
from assay.domain.items.score import Score
from assay.domain.question.contract import Contract
from assay.measures.confidences import covered

if TYPE_CHECKING:
    from assay.app import Assay

NEWEST = 1_000  # items that are looked at
CONTROL = "control"
Floats = NDArray[np.floating]


def items_found(assay: Assay, model: str, numbers: Sequence[int], contract: Contract) -> tuple[ItemsFound, ...]:
    """One entry a version; nothing where the model is asked of no kept items."""
    collections = [
        collection.name
        for collection in assay.application.items().values()
        if model in {one.name for one in collection.models}
    ]
    if not collections:
        return ()
    newest = assay.sampling.items(collections, NEWEST)
    return tuple(
        _found(
            assay.sampling.sets(model, number, newest), number, len(newest), contract, _precise(assay, model, number)
        )
        for number in numbers
    )


def _found(
    sets: Sequence[Score], number: int, items: int, contract: Contract, precise: Mapping[str, float]
) -> ItemsFound:
    labels = contract.target.labels
    told = [one for one in map(confidences, sets) if one.shape[1] == len(labels)]
    joined = np.concatenate(told) if told else np.empty((0, len(labels)), np.float32)
    said = covered(joined)
    return ItemsFound(
        version=number, items=items, scored=len(sets), covered=float(said.mean()) if said.size else None,
        labels={
            label: _label(joined[:, place], said[:, place], contract.target.threshold, precise.get(label))
            for place, label in enumerate(labels)
        },
    )  # fmt: skip


def _label(told: Floats, said: NDArray[np.bool_], threshold: float, precise: float | None) -> LabelFound:
    heard = told[said]
    if not len(heard):
        return LabelFound(mean=None, at_threshold=None, average_precision=precise)
    return LabelFound(
        mean=float(heard.mean()), at_threshold=float((heard >= threshold).mean()), average_precision=precise
    )


def confidences(score: Score) -> Floats:
    """float32 [seconds, labels]: what a set says."""
    return np.frombuffer(score.confidences, "<f4").reshape(score.seconds, len(score.labels))


def _precise(assay: Assay, model: str, number: int) -> dict[str, float]:
    """The average precision of each label, as the version stood on the control set when it was last held against it."""
    measured = [one for one in assay.evaluations.all(model, number) if one.split == CONTROL]
    if not measured:
        return {}
    newest = max(measured, key=lambda one: one.id)
    named = {label: found.get("average_precision") for label, found in newest.segments.items()}
    return {label: value for label, value in named.items() if value is not None}
