"""A verdict is a fact: it cannot be changed, and says what JSON can say."""

from __future__ import annotations

import msgspec
import pytest

from assay.domain.releases.verdict import Check, Verdict


def test_it_goes_to_json_and_back() -> None:
    made = Verdict(
        id="0" * 32, at=1, model="stone", version=2, kind="gate", outcome="failed",
        checks=(Check(name="metric", passed=False, detail="worse by 3 %"),), evidence={"rows": 221},
    )  # fmt: skip
    assert msgspec.json.decode(msgspec.json.encode(made), type=Verdict) == made


@pytest.mark.parametrize(("field", "told"), [("kind", "mood"), ("outcome", "perhaps")])
def test_kind_and_outcome_are_words_of_ours(field: str, told: str) -> None:
    known = {"id": "0" * 32, "at": 1, "model": "stone", "version": 2, "kind": "gate", "outcome": "passed"}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(known | {field: told}, Verdict)


def test_it_never_changes() -> None:
    made = Check(name="metric", passed=True, detail="")
    with pytest.raises(AttributeError):
        made.passed = False  # type: ignore[misc]  # that it cannot is what is tested


def test_what_is_only_worth_a_look_says_so_and_nothing_else_does() -> None:
    odd = Check(name="shift", passed=True, detail="far", warned=True)
    assert msgspec.json.decode(msgspec.json.encode(odd), type=Check) == odd
    good = msgspec.json.encode(Check(name="shift", passed=True, detail="near"))
    assert good == b'{"name":"shift","passed":true,"detail":"near"}'
    assert msgspec.json.decode(good, type=Check).warned is False
