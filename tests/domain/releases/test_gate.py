"""A gate's rules are checked where they are written, and a refusal names the field and its rule."""

from __future__ import annotations

from typing import Any

import pytest

from assay import Gate
from assay.errors import ApplicationInvalid


def gate(**told: Any) -> Gate:
    return Gate(**told)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("margin", -0.01), ("margin", "much"), ("margin", float("nan")), ("margin", None), ("margin", True),
        ("margin", 1), ("margin", 2),
        ("confidence", 0.5), ("confidence", 1), ("confidence", 95), ("judged_on", "oldest"), ("least_rows", 0),
        ("least_rows", 1.5), ("worst_segment", -1), ("latency_ms", 0), ("latency_ms", float("inf")), ("size_bytes", 0),
        ("replay", -1), ("replay", 10_001), ("max_change", -0.5), ("approval", 1), ("approval", None), ("guard_s", -1), ("guard_s", 86_401),
        ("guard_s", None), ("guard_errors", -0.1), ("guard_latency", 0.5), ("guard_shift", None), ("guard_least", 9),
        ("guard_least", 5_001), ("guard_least", True),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_meant_is_refused_by_its_name(name: str, value: Any) -> None:
    with pytest.raises(ApplicationInvalid, match=f"gate's {name} must be"):
        gate(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("margin", 0), ("margin", 0.05), ("confidence", 0.51), ("confidence", 0.999), ("judged_on", "all"),
        ("least_rows", 1), ("worst_segment", None), ("worst_segment", 0), ("latency_ms", None), ("latency_ms", 0.5),
        ("size_bytes", None), ("size_bytes", 1), ("replay", 0), ("max_change", None), ("max_change", 2.0),
        ("approval", True), ("guard_s", 0), ("guard_s", 86_400), ("guard_errors", 0), ("guard_latency", 1), ("guard_least", 10),
    ],
)  # fmt: skip
def test_a_rule_within_its_range_is_taken(name: str, value: Any) -> None:
    assert getattr(gate(**{name: value}), name) == value


def test_without_a_word_a_candidate_must_be_better_for_sure_and_is_guarded() -> None:
    usual = Gate()
    assert (usual.margin, usual.confidence, usual.worst_segment, usual.approval) == (0.0, 0.95, 0.10, False)
    assert (usual.latency_ms, usual.size_bytes, usual.max_change) == (None, None, None)
    assert (usual.guard_s, usual.guard_shift, usual.guard_least) == (300.0, 0.25, 50)
