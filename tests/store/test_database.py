"""What both kinds of database promise alike: views, decisions made one at a time, clocks, and texts that both can keep."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import OperationalError

from assay.clock import now_us
from assay.errors import AssayError, StoreUnavailable
from assay.store.database import Database, keeping_to_text, text_of, translating
from assay.store.databases import open_database

PROCESSES, TIMES = 4, 50
ADD = f"""
import sys
from pathlib import Path
from sqlalchemy import text
from assay.store.databases import open_database
place = sys.argv[1]
database = open_database(place if "://" in place else Path(place))
for _ in range({TIMES}):
    with database.writing() as connection:
        counted = connection.execute(text("SELECT n FROM counter")).scalar_one()
        connection.execute(text(f"UPDATE counter SET n = {{counted + 1}}"))
database.close()
"""


class Mine(AssayError):
    """Mine."""


@pytest.fixture
def counting(database: Database) -> Database:
    with database.writing() as connection:
        connection.execute(text("CREATE TABLE counter (n INTEGER)"))
        connection.execute(text("INSERT INTO counter VALUES (0)"))
    return database


@pytest.fixture
def other(where: Path | str) -> Iterator[Database]:
    """Another process, or another host, as far as the database can tell."""
    made = open_database(where)
    yield made
    made.close()


def count(connection: Connection, to: int) -> None:
    connection.execute(text(f"UPDATE counter SET n = {to}"))


def counter(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.execute(text("SELECT n FROM counter")).scalar_one())


# ---- decisions


def test_what_many_processes_decide_at_once_is_decided_one_after_the_other(
    counting: Database, where: Path | str
) -> None:
    others = [subprocess.Popen([sys.executable, "-c", ADD, str(where)]) for _ in range(PROCESSES)]
    assert [one.wait(120) for one in others] == [0] * PROCESSES
    assert counter(counting) == PROCESSES * TIMES


def test_so_it_is_with_many_threads_of_one_process(counting: Database) -> None:
    def add() -> None:
        for _ in range(10):
            with counting.writing() as connection:
                counted = connection.execute(text("SELECT n FROM counter")).scalar_one()
                count(connection, counted + 1)

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter(counting) == 80


def test_while_the_turn_is_held_nobody_decides(counting: Database, other: Database) -> None:
    decided = threading.Event()

    def decide() -> None:
        with other.writing() as connection:
            count(connection, 1)
        decided.set()

    thread = threading.Thread(target=decide)
    with counting.turn():
        thread.start()
        assert not decided.wait(0.5)
        assert counter(counting) == 0
    assert decided.wait(20)
    thread.join()


def test_a_block_that_fails_leaves_nothing_behind_and_its_error_passes_unchanged(counting: Database) -> None:
    with pytest.raises(Mine), counting.writing() as connection:
        count(connection, 5)
        raise Mine
    assert counter(counting) == 0
    with counting.writing() as connection:
        count(connection, 6)
    assert counter(counting) == 6


def test_a_process_whose_fence_is_down_decides_nothing_and_reads_on(counting: Database) -> None:
    def fence(connection: Connection) -> None:
        if connection.execute(text("SELECT n FROM counter")).scalar_one() == 1:
            raise Mine

    counting.fence = fence
    with counting.writing() as connection:
        count(connection, 1)
    with pytest.raises(Mine), counting.writing() as connection:
        count(connection, 2)
    assert counter(counting) == 1


# ---- views


def test_a_reader_keeps_its_view_while_others_write(counting: Database) -> None:
    with counting.reading() as reader:
        assert reader.execute(text("SELECT n FROM counter")).scalar_one() == 0
        with counting.writing() as writer:
            count(writer, 5)
        assert reader.execute(text("SELECT n FROM counter")).scalar_one() == 0
    assert counter(counting) == 5


def test_a_reader_sees_nothing_that_is_not_committed(counting: Database, other: Database) -> None:
    with counting.writing() as writer:
        count(writer, 5)
        assert counter(other) == 0
    assert counter(other) == 5


@pytest.mark.parametrize("how", ["reading", "writing"])
def test_a_statement_that_fails_is_a_failing_store(database: Database, how: str) -> None:
    with pytest.raises(StoreUnavailable, match="nowhere"), getattr(database, how)() as connection:
        connection.execute(text("SELECT * FROM nowhere"))
    with getattr(database, how)() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1


# ---- clocks and news


def test_the_time_is_told_in_microseconds_and_goes_forward(database: Database) -> None:
    with database.reading() as connection:
        told = [database.now(connection) for _ in range(3)]
    assert told == sorted(told)
    assert abs(told[0] - now_us()) < 60_000_000


def test_leases_have_a_clock_that_all_processes_share(database: Database, other: Database) -> None:
    with database.reading() as mine, other.reading() as theirs:
        first, second, third = database.lease_clock(mine), other.lease_clock(theirs), database.lease_clock(mine)
    assert first[0] == second[0] == third[0]
    assert first[1] <= second[1] <= third[1]


def test_who_tells_is_heard_where_there_is_somebody_to_hear(database: Database, other: Database) -> None:
    heard = threading.Event()
    deaf = database.listen(heard.set)
    assert (deaf is None) == (database.kind == "sqlite"), "on one machine everybody looks often"
    with other.writing() as connection:
        other.tell(connection)
    if deaf is not None:
        assert heard.wait(20)
        deaf()


def test_it_says_of_itself_that_nothing_is_wrong(database: Database) -> None:
    health = database.health()
    assert (health.faults, health.durable) == ([], True)
    assert "synchronous" in health.told


def test_closing_twice_does_no_harm(where: Path | str) -> None:
    made = open_database(where)
    made.close()
    made.close()


# ---- texts


@pytest.mark.parametrize("value", ["", "text", "\ufffd", "ü\n", None, 5, 2.5, b"\x00", b""])
def test_what_both_can_keep_is_left_alone(value: object) -> None:
    assert text_of(value) is value


def test_a_character_that_no_database_keeps_is_another_in_both(database: Database) -> None:
    assert text_of("a\x00b\x00") == "a\ufffdb\ufffd"
    insert = text("INSERT INTO told VALUES (:value)")
    with database.writing() as connection:
        connection.execute(text("CREATE TABLE told (value TEXT)"))
        connection.execute(insert, {"value": "a\x00b"})
        connection.execute(insert, [{"value": "c\x00"}, {"value": "d"}])
    with database.reading() as connection:
        found = connection.execute(text("SELECT value FROM told ORDER BY value")).scalars().all()
        assert found == ["a\ufffdb", "c\ufffd", "d"]
        wanted = text("SELECT count(*) FROM told WHERE value = :value")
        for value in ("a\x00b", "a\ufffdb"):
            assert connection.execute(wanted, {"value": value}).scalar_one() == 1


def test_an_engine_that_keeps_to_text_does_so_with_positions_too() -> None:
    engine = create_engine("sqlite://")
    keeping_to_text(engine)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT ?, ?", ("\x00", 1)).one() == ("\ufffd", 1)
        assert connection.exec_driver_sql("SELECT 1").scalar_one() == 1
    engine.dispose()


def test_texts_of_any_length_are_kept(database: Database) -> None:
    from assay.store import audit
    from assay.store.paging import Window

    with database.writing() as connection:
        audit.note(connection, "a" * 1000, "s" * 1000, by="b" * 1000)
    (kept,) = audit.Audit(database).page(Window(), action="a" * 1000).entries
    assert (len(kept.action), len(kept.subject), len(kept.by)) == (1000, 1000, 1000)


# ---- errors


@pytest.mark.parametrize("kind", [ValueError, KeyError])
def test_only_what_the_driver_raises_and_what_is_named_beside_is_translated(kind: type[Exception]) -> None:
    with pytest.raises(StoreUnavailable, match="said OperationalError"), translating(_named):
        raise OperationalError("SELECT 1", {}, Exception("x"))
    with pytest.raises(kind), translating(_named):
        raise kind
    with pytest.raises(StoreUnavailable, match=f"said {kind.__name__}"), translating(_named, kind):
        raise kind


def _named(failed: Exception) -> str:
    return f"said {type(failed).__name__}"
