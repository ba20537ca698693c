"""Paging visits everything exactly once, in order, and knows its own cursors."""

from __future__ import annotations

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Column, MetaData, String, Table, create_engine, insert, select

from assay.clock import new_id
from assay.errors import BadCursor
from assay.store.paging import LAST_ID, Page, Window, cursor_of, first_id, page_of, read_cursor, span, window

things = Table("things", MetaData(), Column("id", String(32), primary_key=True), Column("at", BigInteger))


class Thing(msgspec.Struct, frozen=True):
    id: str
    at: int


def pages(kept: list[Thing], asked: Window) -> list[Page[Thing]]:
    """Every page from the first to the last."""
    engine = create_engine("sqlite://")
    found = []
    with engine.begin() as connection:
        things.metadata.create_all(connection)
        if kept:
            connection.execute(insert(things), [msgspec.structs.asdict(one) for one in kept])
        cursor: str | None = None
        while True:
            part = msgspec.structs.replace(asked, cursor=cursor)
            rows = connection.execute(window(select(things), things.c, part))
            found.append(page_of([Thing(**row._mapping) for row in rows], part))
            cursor = found[-1].next_cursor
            if cursor is None:
                break
    engine.dispose()
    return found


@given(
    numbers=st.sets(st.integers(0, 2**128 - 1), max_size=30), limit=st.integers(1, 12),
    since=st.none() | st.integers(0, 9), until=st.none() | st.integers(0, 9),
)  # fmt: skip
def test_every_entry_of_the_window_is_visited_once_from_the_newest_to_the_oldest(
    numbers: set[int], limit: int, since: int | None, until: int | None
) -> None:
    kept = [Thing(f"{number:032x}", place % 10) for place, number in enumerate(sorted(numbers))]
    found = pages(kept, Window(limit=limit, since=since, until=until))
    visited = [one for page in found for one in page.entries]
    low, high = 0 if since is None else since, 10 if until is None else until
    assert visited == [one for one in reversed(kept) if low <= one.at < high]
    assert all(len(page.entries) == limit for page in found[:-1])
    assert not visited or found[-1].entries


@given(st.integers(0, 2**128 - 1))
def test_a_cursor_leads_back_to_its_entry(number: int) -> None:
    assert read_cursor(cursor_of(f"{number:032x}")) == f"{number:032x}"


@pytest.mark.parametrize("cursor", ["", "x", "é" * 22, "a" * 21, "a" * 23, "!" * 22, "a" * 10_000, "AA=="])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(BadCursor):
        read_cursor(cursor)


@given(st.text(max_size=40))
def test_a_cursor_is_read_or_refused_whatever_it_is(cursor: str) -> None:
    with suppress(BadCursor):
        assert len(read_cursor(cursor)) == 32


@pytest.mark.parametrize("entry", ["x", "zz" * 16, "abc"])
def test_what_is_no_id_has_no_cursor(entry: str) -> None:
    with pytest.raises(BadCursor):
        cursor_of(entry)


def test_a_cursor_holds_nothing_that_an_address_would_change() -> None:
    assert all(
        set(cursor_of(new_id())) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        for _ in range(50)
    )


@given(at=st.integers(0, 2**52), since=st.integers(0, 2**52), late=st.integers(-999_999, 59_000_000))
def test_the_ids_of_a_window_are_all_that_its_times_may_have(at: int, since: int, late: int) -> None:
    one = f"{max(0, at + late) // 1000:012x}7{at:019x}"
    low, high = span(Window(since=since))
    assert at < since or low <= one < high
    low, high = span(Window(until=since))
    assert at >= since or low <= one < high


def test_a_cursor_narrows_a_window(entry: str = f"{5:012x}{7:020x}") -> None:
    assert span(Window()) == ("", LAST_ID)
    assert span(Window(cursor=cursor_of(entry))) == ("", entry)
    assert span(Window(cursor=cursor_of(entry), until=0)).high == min(entry, first_id(60_000_000))
    with pytest.raises(BadCursor):
        span(Window(cursor="x"))
