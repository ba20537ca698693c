"""What becomes of a training run's outcomes; the application provides it."""

from __future__ import annotations

from typing import Any, Protocol

import polars as pl

from assay.domain.recipe import Recipe
from assay.domain.releases.rollout import Rollout
from assay.domain.version import Version
from assay.training.snapshot import Known, Snapshot
from assay.training.train import Fitted
from assay.training.tune import Memory


class Keeping(Protocol):
    """`known` and `memory` are what earlier runs have left, the others take what this one makes."""

    def known(self) -> Known | None: ...
    def memory(self, recipe: Recipe, facts: dict[str, Any]) -> Memory: ...
    def keep_snapshot(self, snapshot: Snapshot) -> Snapshot: ...
    def keep_failed(self, draft: Version, snapshot: Snapshot) -> Version: ...
    def keep_fitted(
        self, draft: Version, fitted: Fitted, snapshot: Snapshot, train: pl.DataFrame, test: pl.DataFrame
    ) -> Version: ...
    def promote(self, candidates: list[Version]) -> Rollout | str: ...
