"""The front door of a question: the fast pass and the slow one agree, and nothing doubtful comes through."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import assay
from assay.domain.question.contract import Contract, Target
from assay.domain.question.faults import row_faults
from assay.domain.question.reader import MAX_DEPTH, MAX_FAULTS, QuestionReader, kind_of, strict_json
from assay.errors import (
    AssayError,
    DuplicateKey,
    MalformedEncoding,
    MalformedJson,
    QuestionInvalid,
    TooDeep,
    TooManyRows,
)
from tests import tiny

LOOSE = Contract(
    model="note",
    fields={
        "text": assay.Text(max_length=50), "count": assay.Integer(at_least=-5, at_most=5), "urgent": assay.Boolean(),
        "discount": assay.Number(nullable=True), "cut": assay.Grade("Fair", 'Go"od'),
    },
    target=Target(name="t"), metric="mae",
)  # fmt: skip
READER, LOOSE_READER = QuestionReader(tiny.CONTRACT, max_rows=20), QuestionReader(LOOSE, max_rows=20)

STONES = st.fixed_dictionaries(
    {
        "carat": st.floats(0, 20, exclude_min=True), "cut": st.sampled_from(["Fair", "Good", "Ideal"]),
        "color": st.sampled_from("DEF"),
    }
)  # fmt: skip
NOTES = st.fixed_dictionaries(
    {
        "text": st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=50),
        "count": st.integers(-5, 5), "urgent": st.booleans(), "cut": st.sampled_from(["Fair", 'Go"od']),
        "discount": st.none() | st.floats(allow_nan=False, allow_infinity=False),
    }
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
WORDS = [b"{", b"}", b"[", b"]", b":", b",", b'"', b'"a"', b"1", b"-", b"0", b".5", b"1e5", b"null", b"NaN", b"tru", b" ",
         b"\\u0000", b"\\ud800", b"\xff", b"\xc3\xa9", b"Infinity", b"01", b"\x00"]  # fmt: skip


@given(st.lists(STONES, min_size=1, max_size=20), st.booleans(), st.sampled_from([None, 1, 4]))
def test_what_is_accepted_is_read_back_equal(rows: list[dict[str, Any]], spaced: bool, indent: int | None) -> None:
    body = json.dumps(rows, indent=indent, ensure_ascii=spaced).encode()
    found, single = READER.read(body)
    assert not single
    assert [msgspec.structs.asdict(row) for row in found] == rows
    one, single = READER.read(json.dumps(rows[0], indent=indent).encode())
    assert single
    assert msgspec.structs.asdict(one[0]) == rows[0]


@given(st.lists(NOTES, min_size=1, max_size=3))
def test_texts_and_missing_values_are_read_back_equal(rows: list[dict[str, Any]]) -> None:
    for body in (json.dumps(rows).encode(), json.dumps(rows, ensure_ascii=False).encode(), msgspec.json.encode(rows)):
        found, _ = LOOSE_READER.read(body)
        assert [msgspec.structs.asdict(row) for row in found] == rows


@given(JSON)
def test_strict_json_agrees_with_json_on_valid_documents(value: Any) -> None:
    for body in (json.dumps(value).encode(), json.dumps(value, ensure_ascii=False, indent=2).encode()):
        assert strict_json(body) == json.loads(body)


@given(st.lists(st.sampled_from(WORDS), max_size=12).map(b"".join) | st.binary(max_size=40))
@example(b'{"a": NaN}')
@example(b'"\\ud800"')
@example(b"\xef\xbb\xbf{}")
@example(b"1e999")
def test_strict_json_refuses_or_agrees_with_json_whatever_it_is_given(body: bytes) -> None:
    try:
        found = strict_json(body)
    except (MalformedJson, MalformedEncoding, DuplicateKey, TooDeep):
        return
    again = json.loads(body)
    assert found == again or (found != found and again != again)


@given(
    st.dictionaries(
        st.sampled_from(["carat", "cut", "color", "extra", "Carat"]),
        st.none() | st.booleans() | st.integers(-3, 25) | st.floats(allow_nan=False) | st.sampled_from(["Fair", "D", "", "é"]),
    )
)  # fmt: skip
def test_a_row_is_accepted_exactly_if_it_has_no_fault(row: dict[str, Any]) -> None:
    if any(isinstance(value, float) and math.isinf(value) for value in row.values()):
        return
    faults = list(row_faults(row, tiny.FIELDS, "#"))
    try:
        found, _ = READER.read(json.dumps(row).encode())
    except QuestionInvalid as refused:
        assert list(refused.faults) == faults
        return
    assert faults == []
    assert msgspec.structs.asdict(found[0]) == row


@pytest.mark.parametrize(
    "body",
    [
        b'{"carat": 1, "carat": 2, "cut": "Fair", "color": "D"}',
        b'{"carat": 1, "cut": "Fair", "color": "D", "color": "D"}',
        b'[{"carat": 1, "cut": "Fair", "color": "D"}, {"carat": 1, "cut": "Fair", "cut": "Good", "color": "D"}]',
        b'{"carat": 1, "\\u0063arat": 2, "cut": "Fair", "color": "D"}',
    ],
)
def test_a_key_that_stands_twice_is_refused(body: bytes) -> None:
    with pytest.raises(DuplicateKey):
        READER.read(body)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", MalformedJson), (b"   ", MalformedJson), (b"{", MalformedJson), (b"{'carat': 1}", MalformedJson),
        (b"\xef\xbb\xbf{}", MalformedJson), (b'{"carat": NaN}', MalformedJson), (b'{"carat": Infinity}', MalformedJson),
        (b'{"carat": 1,}', MalformedJson), (b'{"carat": 01}', MalformedJson), (b'{"carat": 1} x', MalformedJson),
        (b'{"cut": "\\ud800"}', MalformedJson), (b'{"cut": "\xff"}', MalformedEncoding),
        ('{"carat": 1}'.encode("utf-16"), MalformedEncoding), (b"[" * 40 + b"]" * 40, TooDeep), (b"[" * 200_000, TooDeep),
        (b"[]", QuestionInvalid), (b"null", QuestionInvalid), (b"1", QuestionInvalid), (b'"x"', QuestionInvalid),
        (b"[null]", QuestionInvalid), (b"{}", QuestionInvalid),
        (b'{"carat": 1e999, "cut": "Fair", "color": "D"}', QuestionInvalid),
        (b'{"carat": ' + b"9" * 350 + b', "cut": "Fair", "color": "D"}', QuestionInvalid),
        (b'{"carat": ' + b"9" * 5000 + b', "cut": "Fair", "color": "D"}', QuestionInvalid),
    ],
)  # fmt: skip
def test_what_is_not_a_question_is_refused_by_its_kind(body: bytes, kind: type[AssayError]) -> None:
    with pytest.raises(kind):
        READER.read(body)


def test_the_depth_is_counted_outside_of_strings() -> None:
    assert strict_json(b'["' + b"[" * 100 + b'"]') == ["[" * 100]
    deep = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert strict_json(deep) == json.loads(deep)
    with pytest.raises(TooDeep):
        strict_json(b"[" + deep + b"]")


def test_a_list_longer_than_the_limit_is_refused_and_one_of_the_limit_is_taken() -> None:
    assert len(READER.read(json.dumps([tiny.QUESTION] * 20).encode())[0]) == 20
    with pytest.raises(TooManyRows, match="21 rows"):
        READER.read(json.dumps([tiny.QUESTION] * 21).encode())


def test_faults_of_a_list_point_to_the_row_and_end_at_the_limit() -> None:
    wrong = [tiny.QUESTION | {"carat": -1, "cut": "no", "color": "no", f"x{i}": 1, "y": 1, "z": 1} for i in range(20)]
    with pytest.raises(QuestionInvalid) as refused:
        READER.read(json.dumps(wrong).encode())
    assert len(refused.value.faults) == MAX_FAULTS
    assert refused.value.more
    assert refused.value.faults[0].pointer.startswith("#/0/")


def test_whole_numbers_may_be_spelt_with_a_fraction_or_an_exponent() -> None:
    for told in (b"3", b"3.0", b"0.3e1", b"30e-1"):
        body = b'{"text": "a", "count": %s, "urgent": true, "cut": "Fair"}' % told
        assert LOOSE_READER.read(body)[0][0].count == 3


def test_values_that_are_parsed_already_are_held_to_the_same_rules() -> None:
    assert msgspec.structs.asdict(READER.take(tiny.QUESTION)) == tiny.QUESTION
    with pytest.raises(QuestionInvalid):
        READER.take(tiny.QUESTION | {"cut": "no"})


@pytest.mark.parametrize(
    ("value", "kind"),
    [({}, "an object"), ([], "a list"), ("", "a string"), (True, "a boolean"), (None, "null"), (1, "a number"), (1.5, "a number")],
)  # fmt: skip
def test_a_value_is_called_what_json_calls_it(value: Any, kind: str) -> None:
    assert kind_of(value) == kind


@pytest.mark.timeout(30)
@pytest.mark.parametrize("body", [b'{"a":"' + b'\\"' * 500_000, b'"' * 1_000_000, b"\\" * 1_000_000, b'{"a":"\\'])
def test_a_long_body_of_open_strings_is_refused_in_one_pass(body: bytes) -> None:
    with pytest.raises(MalformedJson):
        strict_json(body)


@pytest.mark.timeout(30)
def test_a_list_that_is_full_of_faults_is_searched_no_further_than_is_told() -> None:
    rows = [dict.fromkeys((f"unknown{i}" for i in range(400)), 1)] * 20
    with pytest.raises(QuestionInvalid) as refused:
        READER.read(json.dumps(rows).encode())
    assert (len(refused.value.faults), refused.value.more) == (MAX_FAULTS, True)
