"""P29: what is read from files of rows, from the command line and from the record is counted."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from inspect import signature
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner

from assay.app.given.receiving import Sift
from assay.app.given.sifting import sift
from assay.cli.main import main
from assay.domain.given.upload import Format
from assay.errors import DataInvalid, StorageFull
from assay.sources import columnar, decoding, delimited, lines
from assay.sources.files import read_file
from assay.store import schema
from assay.store.databases import open_database
from assay.store.files.quarantine import check_room
from assay.store.paging import Window
from assay.store.record.exchanges import Exchanges
from assay.store.record.recorder import Entry, Recorder
from tests.promises.limits import head, limit, tries
from tests.promises.servers import APPLICATION, Server, copy_of, start
from tests.rows import exchange_values

ROW: dict[str, Any] = {"carat": 1.0, "depth": 61.0, "cut": "Ideal", "color": "E", "price": 1000}
GOOD = ",".join(map(str, ROW.values()))
TYPES = {"csv": "text/csv", "jsonl": "application/x-ndjson"}
SLACK = 32 << 20  # others use the disk, too


@pytest.fixture(scope="module")
def database_kind() -> str:
    """What is read is so whatever the database."""
    return "sqlite"


@pytest.fixture(scope="module")
def server(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server with a dataset; unharmed at the end."""
    running = start(copy_of(trained, tmp_path_factory.mktemp("read") / "home"), told={"max_upload_bytes": 1 << 60})
    running.ask("/v1/datasets/mine", b'{"model": "stones"}', method="PUT")
    yield running
    assert running.alive() and running.predict().status == 200
    running.kill()


def good(body: str, place: Path, kind: Format = "csv") -> bool:
    """Whether rows can be learnt from, as the process finds that proves an upload."""
    file = place / "rows"
    file.write_text(body)
    found = sift(Sift(folder=str(APPLICATION), model="stones", file=str(file), format=kind))
    return bool(found.rows) and not found.error


def refused(server: Server, body: str, code: str, kind: Format = "csv") -> str:
    """What is said about rows that the server refuses as documented."""
    told = server.ask("/v1/datasets/mine/rows", body.encode(), headers={"Content-Type": TYPES[kind]}, timeout_s=60)
    assert (told.status, told.code) == (422, code), told.body[:300]
    return str(told.json["detail"])


# ---- files of rows


@tries("columns")
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_columns(kind: Format, server: Server, tmp_path: Path) -> None:
    most = limit("columns")
    assert most == delimited.MOST_COLUMNS == lines.MOST_COLUMNS == decoding.MOST_COLUMNS

    def table(count: int) -> str:
        row = ROW | {f"c{i}": 1 for i in range(count - len(ROW))}
        return f"{','.join(row)}\n{','.join(map(str, row.values()))}\n" if kind == "csv" else json.dumps(row) + "\n"

    assert good(table(most), tmp_path, kind)
    refused(server, table(most + 1), "too_many_columns", kind)


@tries("columns", "unpacked")
def test_columns_and_bytes_of_parquet(tmp_path: Path) -> None:
    most, bytes_ = limit("columns"), limit("unpacked")
    file = tmp_path / "rows.parquet"
    for count in (most, most + 1):
        pl.DataFrame({f"c{i}": [1.0] for i in range(count)}).write_parquet(file)
        if count == most:
            decoding.decode(file, tmp_path / "rows.arrow", count * 8)
        with pytest.raises(DataInvalid, match="at most 1,000" if count > most else "the limit is 7,999"):
            decoding.decode(file, tmp_path / "rows.arrow", count * 8 - 1)
    assert signature(columnar.read).parameters["decoded_bytes"].default == bytes_


@tries("field")
def test_bytes_of_a_field(server: Server, tmp_path: Path) -> None:
    table = f"{','.join(ROW)},note\n{GOOD},{{}}\n"
    assert good(table.format("x" * limit("field")), tmp_path)
    refused(server, table.format("x" * (limit("field") + 1)), "field_too_large")


@tries("csv-header")
def test_bytes_of_a_header(server: Server, tmp_path: Path) -> None:
    def table(count: int) -> str:
        names = [f"{i}{'x' * 20_000}" for i in range(52)]
        line = ",".join((*ROW, *names, "")) + "y"
        return f"{line.ljust(count - 1, 'y')}\n{GOOD}{',1' * 53}\n"

    assert good(table(limit("csv-header")), tmp_path)
    assert "the header is longer" in refused(server, table(limit("csv-header") + 1), "bad_header")


@tries("json-line")
def test_bytes_of_a_line_of_json(server: Server, tmp_path: Path) -> None:
    line = json.dumps(ROW)
    assert good(line.ljust(limit("json-line") - 1) + "\n", tmp_path, "jsonl")
    refused(server, line.ljust(limit("json-line")) + "\n", "field_too_large", "jsonl")


@tries("ragged-lines")
def test_lines_that_are_named(server: Server) -> None:
    most = limit("ragged-lines")
    for more, said in ((0, False), (1, True)):
        detail = refused(server, f"{','.join(ROW)}\n{GOOD}\n" + "1,2\n" * (most + more), "ragged_row")
        assert (detail.count("has 2"), "(and 1 or more)" in detail, "or more" in detail) == (most, said, said)


@tries("file")
def test_bytes_of_a_file(tmp_path: Path) -> None:
    for more in (0, 1):
        file = tmp_path / "rows.csv"
        file.touch()
        os.truncate(file, limit("file") + more)  # it holds nothing but NUL, on no block of the disk
        with pytest.raises(DataInvalid) as wrong:
            read_file(file)
        assert ("at most 1,073,741,824 are read" in str(wrong.value)) == bool(more)


@tries("disk-reserve")
def test_what_uploads_leave_of_the_disk(server: Server) -> None:
    free = shutil.disk_usage(server.home).free
    fits = free - limit("disk-reserve")
    check_room(server.home, fits - SLACK)
    with pytest.raises(StorageFull):
        check_room(server.home, fits + SLACK)
    told = head("/v1/datasets/mine/rows", f"Content-Length: {fits + SLACK}", kind="text/csv")
    answered = server.raw(told)
    assert answered.startswith(b"HTTP/1.1 507 ") and b"storage_full" in answered


# ---- the command line


def assay_(*words: Any) -> tuple[int, str]:
    """Exit status and output of a command."""
    ran = CliRunner().invoke(main, [str(word) for word in words], prog_name="assay")
    return ran.exit_code, ran.output


@tries("path-argument", "name-argument", "number-argument", "jobs-listed", "changes-shown")
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("path-argument", lambda app, count: ("versions", "x" * count)),
        ("name-argument", lambda app, count: ("versions", app, "--model", "m" * count)),
        ("number-argument", lambda app, count: ("promote", app, count)),
        ("jobs-listed", lambda app, count: ("jobs", app, "--limit", count)),
        ("changes-shown", lambda app, count: ("compare", app, 1, 2, "--rows", count)),
    ],
)
def test_an_argument(name: str, told: Any, tmp_path: Path) -> None:
    """Where there is nothing to work on, a good argument fails with status 1, and one past the limit with 2."""
    assert assay_(*told(tmp_path, limit(name)))[0] == 1
    status, said = assay_(*told(tmp_path, limit(name) + 1))
    assert status == 2 and re.search(r"Usage: assay|Error:", said)


# ---- from the record


@tries("looked-at")
def test_exchanges_that_a_page_looks_at(tmp_path: Path) -> None:
    most = limit("looked-at")
    with closing(open_database(tmp_path / "assay.db")) as database:
        schema.upgrade(database)
        with closing(Recorder(database)) as recorder:
            paths = ["/seldom", *["/often"] * (most - 1)]
            recorder.record([Entry(exchange_values(path=path), []) for path in paths])
            page = Exchanges(database).page
            assert [one.path for one in page(Window(), path="/seldom").entries] == ["/seldom"]
            recorder.record([Entry(exchange_values(path="/often"), [])])
        found = page(Window(), path="/seldom")
        assert found.entries == [] and found.next_cursor is not None
        assert [one.path for one in page(Window(cursor=found.next_cursor), path="/seldom").entries] == ["/seldom"]
