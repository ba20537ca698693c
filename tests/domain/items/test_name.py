"""A name is any text that people can read and an address can hold."""

from __future__ import annotations

import pytest

from assay.domain.items.name import LONGEST_BYTES, check_name, fault_of
from assay.errors import ItemRejected


@pytest.mark.parametrize(
    "name",
    ["one.wav", "a/b/c.wav", "ä ☃ \u202e.wav", '"><script>', "..wav", "a..", "...", "content", "scores", "a/content.wav", "\\",
     "x" * LONGEST_BYTES, "☃" * 85, "a:b|c?*#%"],
)  # fmt: skip
def test_a_name_of_its_own_is_fine(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    ("name", "rule"),
    [("", "empty"), ("a\nb", "line breaks"), ("a\x7f", "control"), ("\x85", "control"), ("a\u2028b", "line breaks"),
     ("\ud800", "UTF-8"), ("a\ufffd", "UTF-8"), ("x" * 256, "255 bytes"), ("☃" * 86, "255 bytes"), ("/a", "begins"), ("a/", "ends"),
     ("a//b", "empty part"), (".", "'.'"), ("a/../b", "'..'"), ("./a", "'.'"), ("a/content", "'/content'"), ("a/b/scores", "'/scores'")],
)  # fmt: skip
def test_what_is_none_is_told_the_rule(name: str, rule: str) -> None:
    assert rule in fault_of(name)
    with pytest.raises(ItemRejected, match="An item's name") as refused:
        check_name(name)
    assert refused.value.kind == "invalid_name"
