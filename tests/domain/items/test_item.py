"""How long a recording sounds is told by the frames that are there."""

from __future__ import annotations

from assay.domain.items.item import Sound
from tests import rows


def test_a_duration_is_in_seconds() -> None:
    assert Sound(format="wav", rate=8_000, channels=2, frames=12_000).duration_s == 1.5


def test_an_item_lives_until_it_ends() -> None:
    item = rows.item()
    assert (item.ended_at, item.ending, item.origin, item.place) == (None, "", "upload", "")
