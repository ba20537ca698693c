"""What clients send of entities is read strictly, and told in one shape."""

from __future__ import annotations

import pytest

import assay
from assay.domain.features.entity import Entity
from assay.errors import DuplicateKey, QuestionInvalid, TooManyRows
from assay.web.control.features.told import entity_json, read_many, read_one, table_json


class Shop(assay.Input):
    """A shop."""

    size: float = assay.Number(at_least=0)


SHOPS = assay.Features("shops", Shop, key="shop")


def test_a_list_is_read_whole_or_refused_by_row() -> None:
    assert read_many(SHOPS, b'[{"shop":"a","size":1},{"shop":"a","size":2}]', 5) == ({"a": '{"size":2.0}'}, 2)
    with pytest.raises(QuestionInvalid) as refused:
        read_many(SHOPS, b'[{"shop":"a","size":1},{"shop":"b","size":-1}]', 5)
    assert [fault.pointer for fault in refused.value.faults] == ["#/1/size"]
    with pytest.raises(TooManyRows):
        read_many(SHOPS, b'[{"shop":"a","size":1},{"shop":"b","size":1}]', 1)


def test_one_is_read_with_or_without_its_key() -> None:
    assert read_one(SHOPS, "a", b'{"size":1}') == read_one(SHOPS, "a", b'{"shop":"a","size":1}') == '{"size":1.0}'
    with pytest.raises(QuestionInvalid, match="another key"):
        read_one(SHOPS, "a", b'{"shop":"b","size":1}')
    with pytest.raises(DuplicateKey):
        read_one(SHOPS, "a", b'{"size":1,"size":2}')


def test_times_are_iso_and_the_schema_is_told() -> None:
    told = entity_json(Entity(features="shops", key="a", values={"size": 1.0}, at=0))
    assert (told["entity"], told["at"], told["ended_at"]) == ("a", "1970-01-01T00:00:00.000000Z", None)
    assert table_json(SHOPS)["schema"]["required"] == ["size"]
