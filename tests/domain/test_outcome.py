"""An outcome is a fact about a prediction, and never changes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from assay.domain.outcome import Outcome, Told


def test_an_outcome_never_changes_and_goes_over_the_wire_by_its_names() -> None:
    kept = Outcome(id="a", at=2, prediction="b", model="stone", version=1, value=3.5, observed_at=1)
    with pytest.raises(AttributeError):
        kept.value = 4.0  # type: ignore[misc]  # what it must refuse
    names = ("id", "at", "prediction", "model", "version", "value", "observed_at", "exchange")
    assert (tuple(msgspec.to_builtins(kept)), Told.__struct_fields__) == (names, ("prediction", "value", "observed_at"))


def test_labels_are_counted_where_a_number_stands_for_them() -> None:
    told: dict[str, Any] = {"id": "a", "at": 2, "prediction": "b", "model": "stone", "version": 1, "observed_at": 1}
    assert [Outcome(**told, value=one).number for one in (3.5, ("x", "y"), ())] == [3.5, 2.0, 0.0]
