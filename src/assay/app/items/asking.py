"""Sweeps that somebody wants now, whatever rests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.app.items.outlook import Outlook
from assay.domain.items.collection import Items
from assay.domain.job import Job
from assay.errors import ModelNotFound

if TYPE_CHECKING:
    from assay.app import Assay


def sweep_now(assay: Assay, collection: Items, model: str | None, by: str) -> list[Job]:
    """The jobs that score the collection's items, one a model, or of one model; what rests is tried again.

    Raises ModelNotFound.
    """
    names = [one.name for one in collection.models if model in (None, one.name)]
    if not names:
        raise ModelNotFound(str(model))
    return [sweep(assay, name, by) for name in names]


def sweep(assay: Assay, model: str, by: str) -> Job:
    """The job that scores one model's items."""
    assay.sweeps.wake(model)
    assay.failures.wake(model)
    return Outlook(assay).ask(model, by)[0]
