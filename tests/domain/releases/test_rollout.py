"""A rollout is a decision that is not taken back, only followed by another."""

from __future__ import annotations

import msgspec
import pytest

from assay.domain.releases.rollout import Rollout

ROLLOUT = Rollout(id="0" * 32, at=1, model="stone", version=2)


def test_a_decision_never_changes() -> None:
    with pytest.raises(AttributeError):
        ROLLOUT.version = 3  # type: ignore[misc]  # the point of the test


def test_the_first_decision_follows_none() -> None:
    assert ROLLOUT.previous is None
    assert msgspec.json.decode(msgspec.json.encode(ROLLOUT), type=Rollout) == ROLLOUT
