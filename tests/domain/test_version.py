"""A version and its manifest are the same after they were written and read."""

from __future__ import annotations

import msgspec
import pytest

import assay
from assay.domain.question.contract import Contract, Target
from assay.domain.version import FileEntry, Golden, Manifest, Version
from tests import tiny

MANIFEST = Manifest(
    contract=tiny.CONTRACT, engine="onnx", files={"rows": FileEntry(sha256="ab" * 32, size=5, format="rows")},
    golden=Golden(questions=(tiny.QUESTION,), answers=(12.5,)),
)  # fmt: skip


def test_a_manifest_is_equal_to_itself_after_a_round_trip() -> None:
    again = msgspec.json.decode(msgspec.json.encode(MANIFEST), type=Manifest)
    assert again == MANIFEST
    assert list(again.contract.fields) == list(MANIFEST.contract.fields)


def test_a_contract_with_every_kind_of_field_can_be_asked_after_a_round_trip() -> None:
    fields = {
        "a": assay.Number(above=0, nullable=True), "b": assay.Integer(), "c": assay.Integer(at_least=-5, below=9),
        "d": assay.Grade("low", "high"), "e": assay.Text(max_length=9), "f": assay.Boolean(),
    }  # fmt: skip
    contract = Contract(model="m", fields=fields, target=Target(name="t"), metric="r2")
    again = msgspec.json.decode(msgspec.json.encode(contract), type=Contract)
    asked = {"a": 0.5, "b": -(2**63 - 1), "c": 8, "d": "low", "e": "x", "f": True}
    body = msgspec.json.encode(asked)
    assert msgspec.structs.asdict(msgspec.json.decode(body, type=again.question)) == asked
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(body.replace(b'"c":8', b'"c":9'), type=again.question)


def test_a_version_never_changes_and_begins_without_a_manifest() -> None:
    version = Version(model="stone", number=1, recipe="linear", status="failed", created_at=1, dataset="ab" * 32)
    assert version.manifest is None
    with pytest.raises(AttributeError):
        version.status = "ready"  # type: ignore[misc]  # the point of the test
