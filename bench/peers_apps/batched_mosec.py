"""mosec: a front written in Rust, one Python process with the model, batches of at most 64 that wait at most 5 ms."""
# mypy: ignore-errors
# These programs run in environments of their own, with libraries that ours does not have.

import priced
from mosec import Server, Worker


class Pricing(Worker):
    """The process with the model."""

    def __init__(self) -> None:
        self.pipeline = priced.load()

    def forward(self, data: list[dict]) -> list[dict]:
        """The answers to one batch."""
        return [{"price": price} for price in priced.prices(self.pipeline, data)]


if __name__ == "__main__":
    server = Server()
    server.append_worker(Pricing, num=1, max_batch_size=64, max_wait_time=5)
    server.run()
