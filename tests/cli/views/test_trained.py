"""Progress without a terminal is a few quiet lines."""

from __future__ import annotations

from assay.cli.views.trained import Lines


def test_a_recipe_is_told_when_it_begins_at_each_quarter_and_when_it_is_done() -> None:
    said: list[str] = []
    lines = Lines(said.append)
    for done in range(101):
        lines("boosted", done, 100)
    lines("boosted", 100, 100)
    lines("linear", 0, 1)
    lines("linear", 1, 1)
    lines.end()
    heads = [line.split(" after")[0].split(" in ")[0] for line in said]
    assert heads == [
        "boosted: training, 100 trials", "boosted: 25 of 100 trials", "boosted: 50 of 100 trials", "boosted: 75 of 100 trials",
        "boosted: done", "linear: training", "linear: done",
    ]  # fmt: skip
