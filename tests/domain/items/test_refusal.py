"""A refusal holds what tells it apart from the file as it is later."""

from __future__ import annotations

import msgspec

from assay.domain.items.refusal import Refusal


def test_a_refusal_never_changes() -> None:
    told = Refusal(collection="files", name="a.wav", place="1 2", at=5, code="empty", error="It is empty.")
    assert msgspec.structs.replace(told, place="1 3") != told
    assert msgspec.convert(msgspec.to_builtins(told), Refusal) == told
