"""BentoML: one service in one process, its adaptive batching on, batches of at most 64."""
# mypy: ignore-errors
# These programs run in environments of their own, with libraries that ours does not have.

import bentoml
import priced
from pydantic import BaseModel


class Stone(BaseModel):
    """The question."""

    carat: float
    cut: str
    color: str
    clarity: str
    depth: float
    table: float
    x: float
    y: float
    z: float


@bentoml.service(workers=1, logging={"access": {"enabled": False}})
class Pricing:
    """The service."""

    def __init__(self) -> None:
        self.pipeline = priced.load()

    @bentoml.api(batchable=True, batch_dim=0, max_batch_size=64, max_latency_ms=1000)
    def price(self, stones: list[Stone]) -> list[float]:
        """The answers to one batch."""
        return priced.prices(self.pipeline, [stone.model_dump() for stone in stones])
