"""What a served model can do for an application, and what it answers with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from assay.domain.features.entity import Entity
from assay.domain.given.task import Task
from assay.domain.prediction import Explanation, Prediction

__all__ = ["Answering", "Entity", "Explanation", "Prediction", "Task"]


class Answering(Protocol):
    """What a served model can do; the running application provides it."""

    async def predict(self, question: Any, *, subject: str | None = None) -> Prediction: ...
    async def predict_for(self, entity: Entity, *, subject: str | None = None) -> Prediction: ...
    async def explain(self, question: Any, *, subject: str | None = None) -> Explanation: ...
    async def similar(self, like: Mapping[str, Any], n: int) -> list[dict[str, Any]]: ...
    async def submit(
        self, questions: Sequence[Any], *, version: int | None = None, webhook: str | None = None, subject: str | None = None
    ) -> Task: ...  # fmt: skip
    async def task(self, id: str, *, wait_s: float = 0) -> Task: ...
