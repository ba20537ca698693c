"""Rows of a foreign database are read in a transaction that can only read, and no refusal tells a password."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import pytest

from assay.errors import DataInvalid
from assay.sources import databases
from assay.sources.looks import fingerprint
from assay.sources.parts import read_parts
from tests.postgres import PASSWORD, USER, Cluster, tell

QUERY = "SELECT carat, cut, price FROM stones"
TABLE = "CREATE TABLE stones (carat REAL, cut TEXT, price INTEGER)"
STONES = [(0.5, "Ideal", 1500), (1.0, "Fair", 4000)]


@pytest.fixture
def place(tmp_path: Path) -> str:
    """A database file with two stones."""
    file = tmp_path / "shop 1.db"
    add(file, TABLE)
    for stone in STONES:
        add(file, f"INSERT INTO stones VALUES {stone}")
    return f"sqlite:///{file}"


def add(file: Path, statement: str) -> None:
    """Writes as the database's owner."""
    connection = sqlite3.connect(file)
    with connection:
        connection.execute(statement)
    connection.close()


def test_a_query_gives_one_part_that_is_named_after_the_address(place: str) -> None:
    (part,) = read_parts(place, QUERY)
    assert part.name == place
    assert part.rows.rows() == STONES
    assert part.rows.columns == ["carat", "cut", "price"]


def test_a_long_result_comes_in_chunks_and_types_meet(place: str) -> None:
    many = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 24999) SELECT i, CASE WHEN i < 12000 THEN 1 ELSE 0.5 END AS x FROM n"
    rows = read_parts(place, many)[0].rows
    assert rows["i"].to_list() == list(range(25_000))
    assert (rows["x"][0], rows["x"][-1]) == (1.0, 0.5)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        (None, "a query must say"),
        ("  ", "a query must say"),
        ("SELECT colour FROM stones", "the database refuses: no such column"),
        ("SELEC", "the database refuses"),
        ("DELETE FROM stones", "the database refuses: attempt to write a readonly database"),
        ("DROP TABLE stones", "the database refuses"),
        ("SELECT 1; DELETE FROM stones", "the database refuses"),
        ("SELECT carat FROM stones WHERE carat > 9", "the query gives no rows"),
        ("SELECT carat, price AS carat FROM stones", "names two columns 'carat'"),
    ],
)
def test_a_query_that_gives_no_rows_or_would_write_is_refused(place: str, query: str | None, says: str) -> None:
    with pytest.raises(DataInvalid, match=says) as refusal:
        read_parts(place, query)
    assert place in str(refusal.value)
    assert read_parts(place, QUERY)[0].rows.height == 2


def test_a_colon_and_a_percent_sign_are_no_placeholders(place: str) -> None:
    assert read_parts(place, "SELECT ':x' AS a, '12:30 %s' AS b")[0].rows.rows() == [(":x", "12:30 %s")]


def test_a_result_over_the_limit_is_refused(place: str) -> None:
    with pytest.raises(DataInvalid, match="more than 10 bytes"):
        read_parts(place, QUERY, limit_bytes=10)


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(DataInvalid, match="there is no database file"):
        read_parts(f"sqlite:///{tmp_path}/none.db", QUERY)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    file.write_bytes(b"not a database" * 100)
    with pytest.raises(DataInvalid, match="the database refuses"):
        read_parts(f"sqlite:///{file}", QUERY)


def test_a_look_notices_fresh_changed_and_lost_rows_and_not_their_order(place: str) -> None:
    file = Path(place.removeprefix("sqlite:///"))
    looks = [fingerprint(place, QUERY)]
    add(file, "CREATE TABLE other (x)")
    assert fingerprint(place, f"{QUERY} ORDER BY price DESC") == fingerprint(place, QUERY) == looks[0]
    for statement in (
        "INSERT INTO stones VALUES (2, 'Good', 9)",
        "UPDATE stones SET price = 8 WHERE carat = 2",
        "DELETE FROM stones WHERE carat = 2",
        "DELETE FROM stones",
    ):
        add(file, statement)
        looks.append(fingerprint(place, QUERY))
    assert looks[3] == looks[0]
    assert looks[4] is None
    assert len(set(looks)) == 4


def test_an_address_is_shown_without_user_password_and_options() -> None:
    shown = databases.shown("postgresql://me:secret@db:5433/shop?password=other&sslmode=require")
    assert shown == "postgresql://db:5433/shop"
    for place in ("postgresql://me:secret@", "postgresql://[", "postgresql://me:secret@db:port/x"):
        with pytest.raises(DataInvalid) as refusal:
            databases.shown(place + "]:" if place.endswith("[") else place)
            raise DataInvalid("an address that can be shown")
        assert "secret" not in str(refusal.value)


def test_without_the_driver_the_refusal_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(DataInvalid, match=r"needs the driver 'psycopg': install assay\[postgresql\]") as refusal:
        read_parts("postgresql://me:secret@127.0.0.1:1/shop", QUERY)
    assert "secret" not in str(refusal.value)


# ---- PostgreSQL


@pytest.fixture(scope="module")
def shop(postgres: Cluster) -> str:
    """A database of PostgreSQL with the two stones."""
    place = postgres.create()
    for statement in (TABLE, "CREATE SEQUENCE numbers", f"INSERT INTO stones VALUES {', '.join(map(str, STONES))}"):
        tell(place, statement)
    return place


@pytest.mark.xdist_group("server")
def test_postgresql_gives_its_rows_and_refuses_to_be_written(shop: str) -> None:
    (part,) = read_parts(shop, f"{QUERY} WHERE cut LIKE '%a%' AND price::text <> ':x'")
    assert part.rows.rows() == STONES
    assert PASSWORD not in part.name
    assert USER not in part.name
    assert fingerprint(shop, QUERY) == fingerprint(shop, f"{QUERY} ORDER BY price DESC")
    for query in ("DELETE FROM stones RETURNING carat", "CREATE TABLE x (y int)", "SELECT 1; DELETE FROM stones"):
        with pytest.raises(DataInvalid, match="the database refuses"):
            read_parts(shop, query)
    with pytest.raises(DataInvalid, match="read-only transaction"):
        read_parts(shop, "SELECT nextval('numbers')")
    assert read_parts(shop, QUERY)[0].rows.height == 2


@pytest.mark.xdist_group("server")
def test_postgresql_refuses_a_wrong_password_which_is_not_told(shop: str) -> None:
    with pytest.raises(DataInvalid, match="the database refuses") as refusal:
        read_parts(shop.replace(PASSWORD, "another-secret"), QUERY)
    assert "secret" not in str(refusal.value)
