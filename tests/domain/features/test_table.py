"""A feature table knows which keys and values it takes, and keeps equal values as equal texts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import assay
from assay.domain.features.table import AS_OF
from assay.errors import ApplicationInvalid, EntityKeyInvalid, NotServing, QuestionInvalid


class Shop(assay.Input):
    """A shop."""

    size: float = assay.Number(at_least=0, at_most=1000)
    town: str = assay.Category("north", "south")
    staff: int = assay.Integer(at_least=0, nullable=True)
    open: bool = assay.Boolean(nullable=True)
    name: str = assay.Text(max_length=20)
    note: str = assay.Text(nullable=True)


SHOPS = assay.Features("shops", Shop, key="shop")
USERS = assay.Features("users", Shop, form="uuid")
WHOLE = {"size": 1.5, "town": "north", "staff": 2, "open": True, "name": "a", "note": None}


@pytest.mark.parametrize("told", ["", " a", "a/b", "x" * 129, "a\nb", "\x00"])
def test_a_key_that_cannot_be_one_is_refused(told: str) -> None:
    with pytest.raises(EntityKeyInvalid, match="shop: must have 1 to 128 printable characters"):
        SHOPS.key_of(told)


def test_keys_are_texts_and_uuids_are_in_lower_case() -> None:
    assert SHOPS.key_of(17) == "17"
    assert USERS.key_of("E337A675-46F5-437E-AA72-5D43643B5461") == "e337a675-46f5-437e-aa72-5d43643b5461"
    for told in ("e337a675", "e337a67546f5437eaa725d43643b5461", "e337a675-46f5-437e-aa72-5d43643b546g"):
        with pytest.raises(EntityKeyInvalid, match="id: must be a UUID") as refused:
            USERS.key_of(told)
        assert refused.value.faults[0].code == "invalid_key"


def test_equal_values_are_equal_texts_with_every_field() -> None:
    text = '{"size":1.5,"town":"north","staff":2,"open":null,"name":"a","note":null}'
    assert SHOPS.told({"name": "a", "town": "north", "staff": 2.0, "size": 1.5}) == text
    assert SHOPS.told({"size": 1.5, "town": "north", "staff": 2, "name": "a", "note": None, "open": None}) == text


@pytest.mark.parametrize(
    ("change", "code"),
    [({"size": -1}, "out_of_range"), ({"size": float("nan")}, "number_out_of_range"), ({"town": "east"}, "unknown_category"),
     ({"name": "a\x00"}, "invalid_string"), ({"extra": 1}, "unknown_feature"), ({"size": "1"}, "wrong_type"),
     ({"open": 1}, "wrong_type"), ({"name": None}, "wrong_type")],
)  # fmt: skip
def test_values_that_break_a_rule_are_refused_with_the_field(change: dict[str, Any], code: str) -> None:
    with pytest.raises(QuestionInvalid) as refused:
        SHOPS.told(WHOLE | change)
    assert [fault.code for fault in refused.value.faults] == [code]
    assert refused.value.faults[0].pointer == f"#/{next(iter(change))}"


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(QuestionInvalid):
        SHOPS.told([1])


def test_a_text_that_only_looks_like_nothing_is_kept() -> None:
    assert r"\\u0000" in SHOPS.told(WHOLE | {"name": r"\u0000"})


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20))
def test_any_text_comes_back(name: str) -> None:
    import msgspec

    assert msgspec.json.decode(SHOPS.told(WHOLE | {"name": name}))["name"] == name


def test_texts_of_a_file_become_values() -> None:
    row = {
        "shop": "s1",
        "size": "1.5",
        "town": "north",
        "staff": "2",
        "open": "TRUE",
        "name": "",
        "note": "",
        "more": "x",
    }
    assert SHOPS.from_texts(row) == WHOLE | {"name": ""}
    assert SHOPS.from_texts({"size": "", "staff": "2e0", "open": "perhaps"}) == {
        "size": None, "town": None, "staff": 2.0, "open": "perhaps", "name": "", "note": None,
    }  # fmt: skip
    assert SHOPS.from_texts({"size": "much"})["size"] == "much"


def test_columns_and_objects_become_values() -> None:
    assert SHOPS.from_columns({"shop": "s1", "size": 1.5, "name": None, "more": 1})["name"] == ""
    assert SHOPS.from_object({"shop": "s1", "size": 1.5, "more": 1}) == {"size": 1.5, "more": 1}


@pytest.mark.parametrize(
    ("name", "told"),
    [("Shops", {}), ("shops", {"key": "size"}), ("shops", {"key": AS_OF}), ("shops", {"form": "number"})],
)
def test_a_table_that_cannot_be_is_refused(name: str, told: dict[str, Any]) -> None:
    with pytest.raises(ApplicationInvalid):
        assay.Features(name, Shop, **told)


def test_a_table_keeps_no_recordings() -> None:
    class Sound(assay.Input):
        audio: str = assay.Audio()

    with pytest.raises(ApplicationInvalid, match="none of them a recording"):
        assay.Features("sounds", Sound)


def test_a_table_that_nobody_serves_says_so() -> None:
    with pytest.raises(NotServing):
        asyncio.run(SHOPS.find("s1"))
    with pytest.raises(NotServing):
        asyncio.run(SHOPS.as_of("s1", 1))


class Size(assay.Input):
    """What a model is told."""

    size: float = assay.Number(at_least=0, at_most=1000)


class OtherSize(assay.Input):
    """What it is told by another rule."""

    size: float = assay.Number(at_least=0)


def test_a_model_asks_for_features_that_the_table_has_and_for_no_others() -> None:
    assert assay.Model("a", input=Size, target="sold", features=SHOPS).features is SHOPS
    with pytest.raises(
        ApplicationInvalid, match="'size', which the feature table 'shops' has not, or declares otherwise"
    ):
        assay.Model("a", input=OtherSize, target="sold", features=SHOPS)
    with pytest.raises(ApplicationInvalid, match="is to predict 'name', which the feature table 'shops' holds"):
        assay.Model("a", input=Size, target="name", features=SHOPS)
