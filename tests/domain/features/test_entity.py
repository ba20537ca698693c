"""An entity is known to the record by its table and its key."""

from __future__ import annotations

from assay.domain.features.entity import Entity


def test_an_entity_is_named_by_table_and_key() -> None:
    assert Entity(features="shops", key="s1", values={}, at=1).subject == "shops/s1"
