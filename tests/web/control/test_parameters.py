"""Parameters of an address are read strictly: each once, each known, each within its rule."""

from __future__ import annotations

import msgspec
import pytest
from fastapi import Request

from assay.errors import ParameterInvalid, QuestionInvalid, VersionNotFound
from assay.store.paging import Window
from assay.web.control.parameters import PAGING, Parameters, body_as, version_number


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    count: int = 1
    names: tuple[str, ...] = ()


def told(query: str, *known: str) -> Parameters:
    return Parameters(Request({"type": "http", "query_string": query.encode(), "headers": []}), *known)


def test_what_was_told_is_given_back() -> None:
    found = told("path=%2Fx&n=5", "path", "n", "other")
    assert (found.text("path"), found.text("other"), found.whole("n", low=1, high=9)) == ("/x", None, 5)
    assert found.whole("other", low=1, high=9) is None


@pytest.mark.parametrize(
    ("query", "said"),
    [("m=1", "not a parameter here; known are n"), ("n=1&n=2", "stands twice"), ("n=%00", r"U\+0000"), ("N=1", "not a parameter")],
)  # fmt: skip
def test_what_is_unknown_or_doubled_is_refused(query: str, said: str) -> None:
    with pytest.raises(ParameterInvalid, match=said):
        told(query, "n")


@pytest.mark.parametrize("value", ["0", "10", "-1", "+1", "1.0", "1e1", "x", "", "%20", "%D9%A3", "9" * 30])
def test_a_whole_number_is_plain_digits_within_its_range(value: str) -> None:
    with pytest.raises(ParameterInvalid, match="from 1 to 9"):
        told(f"n={value}", "n").whole("n", low=1, high=9)


@pytest.mark.parametrize(("value", "number"), [("0", 0.0), ("0.25", 0.25), ("1", 1.0), ("1.000", 1.0)])
def test_a_decimal_number_is_digits_with_a_point_at_most(value: str, number: float) -> None:
    assert told(f"n={value}", "n").number("n", low=0, high=1) == number
    assert told("", "n").number("n", low=0, high=1) is None


@pytest.mark.parametrize(
    "value", ["1.01", "-0", "+0.5", "1e0", ".5", "1.", "nan", "inf", "", "0,5", "%D9%A3", "9" * 30]
)
def test_what_is_no_such_number_or_beyond_its_range_is_refused(value: str) -> None:
    with pytest.raises(ParameterInvalid, match="a number from 0 to 1"):
        told(f"n={value}", "n").number("n", low=0, high=1)


@pytest.mark.parametrize("value", ["2026-03-03T12:00:00Z", "2026-03-03T13:00:00%2B01:00", "2026-03-03T13:00:00+01:00"])
def test_a_time_has_a_zone_and_its_plus_may_be_unescaped(value: str) -> None:
    assert told(f"since={value}", "since").moment("since") == 1_772_539_200_000_000


@pytest.mark.parametrize("value", ["2026-03-03T12:00:00", "yesterday", "", "99999-01-01T00:00:00Z"])
def test_what_is_no_time_is_refused(value: str) -> None:
    with pytest.raises(ParameterInvalid, match="must be a time"):
        told(f"since={value}", "since").moment("since")


def test_untold_a_window_is_the_newest_hundred() -> None:
    assert told("", *PAGING).window() == Window(limit=100)


def test_a_window_is_read_whole() -> None:
    asked = "limit=5&cursor=abc&since=1970-01-01T00:00:01Z&until=1970-01-01T00:00:02Z"
    assert told(asked, *PAGING).window() == Window(limit=5, cursor="abc", since=1_000_000, until=2_000_000)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "since=1970-01-01T00:00:02Z&until=1970-01-01T00:00:01Z",
              "since=1970-01-01T00:00:02Z&until=1970-01-01T00:00:02Z"],
)  # fmt: skip
def test_a_window_that_cannot_be_is_refused(query: str) -> None:
    with pytest.raises(ParameterInvalid):
        told(query, *PAGING).window()


def test_the_number_of_a_version_is_plain_digits() -> None:
    assert version_number("stone", "12") == 12
    for wrong in ("", "x", "-1", "1.0", "²", "1" * 10):
        with pytest.raises(VersionNotFound):
            version_number("stone", wrong)


@pytest.mark.parametrize("body", [b"", b"  ", b"{}", b'{"count": 1}'])
def test_a_body_that_says_nothing_wants_nothing(body: bytes) -> None:
    assert body_as(body, Wanted) == Wanted()


@pytest.mark.parametrize(
    ("body", "pointer"),
    [(b'{"count": "1"}', "#/count"), (b'{"names": ["a", 5]}', "#/names"), (b"[]", "#")],
)
def test_a_body_that_says_something_else_is_refused_by_its_part(body: bytes, pointer: str) -> None:
    with pytest.raises(QuestionInvalid) as refused:
        body_as(body, Wanted)
    (fault,) = refused.value.faults
    assert (fault.pointer, fault.detail[:1].islower()) == (pointer, True)


@pytest.mark.parametrize(
    ("body", "pointer", "said"),
    [
        (b'{"cuont": 1}', "#/cuont", "is not known here; did you mean 'count'?"), (b'{"z": 1}', "#/z", "is not known here"),
        (b'{"a/`b`": 1}', "#/a~1`b`", "is not known here"),
    ],
)  # fmt: skip
def test_a_part_that_is_not_known_is_told_as_a_questions_is(body: bytes, pointer: str, said: str) -> None:
    with pytest.raises(QuestionInvalid) as refused:
        body_as(body, Wanted)
    (fault,) = refused.value.faults
    assert (fault.pointer, fault.detail, fault.code, fault.allowed) == (
        pointer, said, "unknown_feature", ("count", "names"),
    )  # fmt: skip
