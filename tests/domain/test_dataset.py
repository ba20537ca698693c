"""A dataset does not change and is the same after it was written and read."""

from __future__ import annotations

import msgspec
import pytest

from assay.domain.dataset import Dataset

DATASET = Dataset(
    id="ab" * 32, model="stone", created_at=1, source="data.py", rows=298, removed=2, columns={"carat": "Float64"}
)


def test_a_dataset_never_changes() -> None:
    with pytest.raises(AttributeError):
        DATASET.rows = 5  # type: ignore[misc]  # the point of the test


def test_a_dataset_is_equal_to_itself_after_a_round_trip() -> None:
    assert msgspec.json.decode(msgspec.json.encode(DATASET), type=Dataset) == DATASET
    assert DATASET.removed_file is None
