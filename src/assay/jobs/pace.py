"""How many questions a batch may have: one at first, then as many as a model answers in a quarter of a second."""

from __future__ import annotations

AIM_US = 250_000
MOST_ROWS = 512
FASTER = 8


class Pace:
    """Learns from each batch. A model that takes seconds for one question must not be given a hundred at once."""

    def __init__(self) -> None:
        self.rows = 1

    def learn(self, rows: int, took_us: int) -> None:
        """A batch of so many questions has taken so long."""
        if took_us < AIM_US // FASTER:  # it says little but that there is room
            self.rows = min(max(self.rows, rows) * FASTER, MOST_ROWS)
        else:
            self.rows = max(1, min(rows * AIM_US // took_us, self.rows * FASTER, MOST_ROWS))
