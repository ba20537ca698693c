"""The one room that every prediction passes, whoever asks and for whatever reason."""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.errors import BadOutput
from assay.serving.loaded import LoadedVersion


def predict(version: LoadedVersion, questions: list[Any]) -> list[float]:
    """One finished answer a question, in the target's unit, in one vectorised call.

    Raises BadOutput where the model answers with something else than a finite number a row, ModelFailed or ModelTimedOut.
    """
    found = version.engine.run(version.columns(questions))
    if len(found) != len(questions):
        raise BadOutput(f"The model gave {len(found)} answers to {len(questions)} questions.")
    if not np.isfinite(found).all():
        raise BadOutput("The model gave an answer that is not a finite number.")
    return version.contract.target.finish(found.tolist())
