"""What becomes of a training run's outcomes; the application provides it."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assay.domain.question.field import Field
from assay.domain.recipe import Recipe
from assay.domain.releases.rollout import Rollout
from assay.domain.version import Version
from assay.training.snapshot import Known, Snapshot
from assay.training.train import Fitted
from assay.training.tune import Memory


class Keeping(Protocol):
    """What earlier runs have left, and who takes what this one makes.

    `known` are the rows of the newest snapshot from the same place, or else, from elsewhere, those that the version has
    learnt from which rules. `hear` gives the seconds of a recording, and `connect` lets an estimator ask whom it stands
    for. `learnt` says whether a run has been through the snapshot with this code to its `end`, and `begun` which version
    one that was cut off has made.
    """

    def known(self) -> Known | None: ...
    def hear(self, digest: str, field: Field) -> NDArray[np.float32]: ...
    def connect(self, estimator: Any) -> None: ...
    def learnt(self, dataset: str, code: str) -> bool: ...
    def begun(self, recipe: Recipe, dataset: str, code: str) -> Version | None: ...
    def memory(self, recipe: Recipe, facts: dict[str, Any]) -> Memory: ...
    def keep_snapshot(self, snapshot: Snapshot) -> Snapshot: ...
    def keep_failed(self, draft: Version, snapshot: Snapshot) -> Version: ...
    def keep_fitted(
        self, draft: Version, fitted: Fitted, snapshot: Snapshot, train: pl.DataFrame, test: pl.DataFrame
    ) -> Version: ...
    def end(self, dataset: str, code: str) -> None: ...
    def promote(self, candidates: list[Version]) -> Rollout | str: ...
