"""What a dataset may be called, and which kinds of files are rows."""

from __future__ import annotations

import pytest

from assay.domain.given.upload import TYPES, acceptable


@pytest.mark.parametrize("name", ["a", "0", "diamonds-2026", "a.b_c-d", "x" * 64, "console", "nullable", "com10"])
def test_a_name_that_is_safe_everywhere_is_accepted(name: str) -> None:
    assert acceptable(name)


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../../x", "a/b", "A", "-a", ".a", "_a", "a b", "a\x00", "a\n", "x" * 65, "x" * 300, "trailing.", "d\u0131amonds",
     "con", "nul", "com1", "lpt9", "con.csv", "latest", "null", "none", "true", "false", "a\\b", "a:b", "%2e"],
)  # fmt: skip
def test_another_is_not(name: str) -> None:
    assert not acceptable(name)


def test_each_type_of_file_has_a_format() -> None:
    assert set(TYPES.values()) == {"csv", "parquet", "jsonl"}
    assert all(kind == kind.lower() and kind.count("/") == 1 for kind in TYPES)
