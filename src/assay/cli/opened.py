"""The application that a command works on, opened and given back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from assay.app import Assay
from assay.cli.options import Asked
from assay.domain.model import Model
from assay.logs import log_beside_answers


@contextmanager
def opened(asked: Asked) -> Iterator[tuple[Assay, Model[Any]]]:
    """The application's parts and the model that is meant; raises ApplicationInvalid, ModelNotFound, StoreUnavailable."""
    log_beside_answers()
    assay = Assay.at(asked.app, **asked.told)
    try:
        yield assay, assay.application.model(asked.model)
    finally:
        assay.close()
