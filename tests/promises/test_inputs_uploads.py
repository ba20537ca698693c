"""Bad inputs, family D: files of rows over HTTP, on a real server."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from gzip import compress
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.promises.checker import rows
from tests.promises.conftest import Tally
from tests.promises.servers import Server, copy_of, serving

TYPES = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet", "jsonl": "application/x-ndjson"}
HEADER = "carat,depth,cut,color,price\n"
LINE = "1.0,61.0,Ideal,E,1000\n"
GOOD = HEADER + "".join(f"{0.5 + i / 100},61.0,Ideal,E,{1000 + i}\n" for i in range(100))
ROW = {"carat": 1.0, "depth": 61.0, "cut": "Ideal", "color": "E", "price": 1000.0}


@dataclass(frozen=True)
class Case:
    """A file, what it is called, and what must come back."""

    id: str
    body: bytes
    status: int
    code: str = ""
    kind: str = "csv"


def text(case: str, body: str, status: int = 422, code: str = "") -> Case:
    """A CSV file."""
    return Case(case, body.encode(), status, code)


def parquet(frame: pl.DataFrame) -> bytes:
    """The rows as a Parquet file."""
    out = io.BytesIO()
    frame.write_parquet(out)
    return out.getvalue()


def zipped(name: str) -> bytes:
    """A ZIP archive with one file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, GOOD)
    return out.getvalue()


def linked() -> bytes:
    """A tar archive with a link out of it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        link = tarfile.TarInfo("rows.csv")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return out.getvalue()


def lines(*told: object) -> bytes:
    """A JSON-Lines file."""
    return b"".join(json.dumps(one).encode() + b"\n" for one in told)


FRAME = pl.read_csv(io.BytesIO(GOOD.encode()))
WHOLE = parquet(FRAME)
LISTS = parquet(FRAME.with_columns(carat=pl.concat_list("carat", "depth")))
CASES = [
    text("D01 empty", "", code="no_rows"),
    text("D01 header only", HEADER, code="no_rows"),
    text("D01 header and blank lines", HEADER + "\n\n\n", code="no_rows"),
    text("D02 no header", LINE * 50, code="bad_target"),
    text("D02 only numbers", "1,2,3,4,5\n" * 50, code="bad_header"),
    text("D02 a name twice", "carat," + HEADER + "1," + LINE, code="bad_header"),
    text("D02 an empty name", "," + HEADER + "1," + LINE, code="bad_header"),
    text("D03 a column is missing", "carat,cut,color,price\n1,Ideal,E,5\n", code="missing_column"),
    text("D03 a column more", HEADER.replace("carat", "carat,note") + "1.0,x,61.0,Ideal,E,1000\n" * 30, 201),
    text("D04 a quote that stays open", HEADER + '1.0,61.0,"Ideal,E,1000\n' + LINE * 3, code="csv_unclosed_quote"),
    text("D05 a field beyond all measure", HEADER + "1.0,61.0," + "x" * 200_000 + ",E,5\n", code="field_too_large"),
    text("D06 a line too long and one too short", HEADER + LINE + "1,2\n" + "1,2,3,4,5,6\n", code="ragged_row"),
    text("D07 semicolons", GOOD.replace(",", ";"), code="wrong_dialect"),
    text("D07 tabs", GOOD.replace(",", "\t"), code="wrong_dialect"),
    Case("D08 a mark", b"\xef\xbb\xbf" + GOOD.encode(), 201),
    Case("D08 UTF-16", GOOD.encode("utf-16"), 422, "bad_encoding"),
    Case("D08 Latin-1", HEADER.encode() + LINE.replace("Ideal", "Id\u00e9al").encode("latin-1"), 422, "bad_encoding"),
    text("D09 NUL", HEADER + LINE.replace("Ideal", "Id\0eal"), code="invalid_string"),
    text("D10 CRLF", GOOD.replace("\n", "\r\n").replace("1000", "1001"), 201),
    text("D10 CR", GOOD.replace("\n", "\r"), 201),
    text("D10 spaces", GOOD.replace(",", " , "), 201),
    *(text(f"D11 {word}", HEADER + LINE.replace("1.0", word) * 9 + LINE) for word in ("$5", "1e999", "NaN", "inf", "0x10", "\u0661\u0662")),
    text("D11 a thousands separator", HEADER + LINE.replace("1.0", '"1,234.5"') * 9 + LINE),
    text("D11 a few that are missing", GOOD + LINE.replace("1.0", "") * 2, 201),
    text("D12 no target", "carat,depth,cut,color\n1.0,61.0,Ideal,E\n", code="bad_target"),
    text("D12 an empty target", HEADER + LINE.replace("1000", "") * 5, code="bad_target"),
    text("D12 a target of words", HEADER + LINE.replace("1000", "much") * 5, code="bad_target"),
    text("D13 a few impossible stones", GOOD + LINE.replace("1.0", "-1.0") * 2, 201),
    text("D13 many impossible stones", GOOD + LINE.replace("1.0", "-1.0") * 20, code="dataset_rejected"),
    text("D14 nothing but one row", HEADER + LINE * 100, 201),
    text("D16 too many columns", ",".join(f"c{i}" for i in range(10_000)) + "\n", code="too_many_columns"),
    text("D16 a header of a million characters", "c" * 1_000_000 + "," + HEADER + "1," + LINE, code="field_too_large"),
    text("D18 formulas", GOOD + LINE.replace("Ideal", '"=HYPERLINK(""http://x"")"'), 201),
    Case("D19 a CSV called Parquet", GOOD.encode(), 415, "unsupported_file", "parquet"),
    Case("D19 a Parquet called CSV", WHOLE, 415, "unsupported_file"),
    Case("D19 PDF", b"%PDF-1.7\n" + b"x" * 99, 415, "unsupported_file"),
    Case("D19 PNG", b"\x89PNG\r\n\x1a\n" + b"x" * 99, 415, "unsupported_file"),
    Case("D19 a program", b"\x7fELF" + b"\0" * 99, 415, "unsupported_file"),
    Case("D19 a pickle", b"\x80\x04\x95\x06\x00\x00\x00\x00\x00\x00\x00]\x94K\x01a.", 415, "unsupported_file"),
    Case("D20 gzip", compress(GOOD.encode()), 415, "unsupported_file"),
    Case("D20 a ZIP", zipped("rows.csv"), 415, "unsupported_file"),
    Case("D20 a ZIP that climbs", zipped("../../etc/x"), 415, "unsupported_file"),
    Case("D20 a tar with a link", linked(), 415, "unsupported_file"),
    Case("D21 an empty Parquet", b"", 422, "no_rows", "parquet"),
    Case("D21 only PAR1", b"PAR1", 422, "parquet_invalid", "parquet"),
    Case("D21 a footer cut off", WHOLE[:-9], 422, "parquet_invalid", "parquet"),
    Case("D21 garbage", b"PAR1" + bytes(range(256)) * 9 + b"PAR1", 422, "parquet_invalid", "parquet"),
    Case("D24 lists", LISTS, 422, "wrong_type", "parquet"),
    Case("D24 times", parquet(FRAME.with_columns(carat=pl.lit(0).cast(pl.Datetime("ns")))), 422, "wrong_type", "parquet"),
    Case("D24 words as a dictionary", parquet(FRAME.with_columns(pl.col("cut").cast(pl.Categorical))), 201, "", "parquet"),
    Case("D24 decimals", parquet(FRAME.with_columns(pl.col("price").cast(pl.Decimal(12, 2)))), 201, "", "parquet"),
    Case("D26 NaN", b'{"carat": NaN}\n', 422, "jsonl_invalid", "jsonl"),
    Case("D26 nested", lines(ROW, ROW | {"carat": {"ct": 1}}), 422, "jsonl_invalid", "jsonl"),
    Case("D26 two sorts", lines(ROW, ROW | {"carat": "1.0"}), 422, "jsonl_invalid", "jsonl"),
    Case("D26 a list", lines([ROW]), 422, "jsonl_invalid", "jsonl"),
    Case("D26 a blank line and no last end", lines(ROW) + b"\n" + lines(ROW | {"carat": 2.0}).rstrip(), 201, "", "jsonl"),
]  # fmt: skip
NAMES = (
    "..%2F..%2Fx", "a%2Fb", ".", "", "x" * 300, "CON", "con", "%00", "d\u0131amonds", "trailing.", "-x", "A", "a b", "a%0A",
)  # fmt: skip


@pytest.fixture(scope="module")
def server(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all cases."""
    with serving(copy_of(trained, tmp_path_factory.mktemp("uploads") / "home")) as running:
        yield running


def upload(server: Server, name: str, case: Case) -> tuple[int, str, bytes, str]:
    """Status, code, body and id of what came back."""
    answer = server.ask(
        f"/v1/datasets/{name}/rows", case.body, headers={"Content-Type": TYPES[case.kind]}, timeout_s=90
    )
    return answer.status, answer.code, answer.body, answer.headers["x-request-id"]


def tiered() -> list[Any]:
    """Every case; beside the first of each family they take long together."""
    seen: set[str] = set()
    found = []
    for case in CASES:
        later = case.id[:3] in seen
        seen.add(case.id[:3])
        found.append(pytest.param(case, id=case.id, marks=[pytest.mark.nightly] if later else []))
    return found


@pytest.mark.parametrize("case", tiered())
def test_a_bad_file_is_refused_and_a_good_one_kept(case: Case, server: Server, tally: Callable[[str], Tally]) -> None:
    name = f"case{CASES.index(case)}"
    assert server.ask(f"/v1/datasets/{name}", b'{"model": "stones"}', method="PUT").status == 201
    status, code, body, exchange = upload(server, name, case)
    assert status == case.status, body
    assert not case.code or code == case.code, body
    shown = server.ask(f"/v1/datasets/{name}").json
    assert len(shown["parts"]) == (1 if case.status == 201 else 0)
    assert list((server.home / "quarantine").iterdir()) == []
    for secret in (str(server.home).encode(), b"Traceback", b"SELECT", b".part"):
        assert secret not in body
    kept = server.exchange(exchange)
    assert kept is not None and (kept["status"], kept["request_size"]) == (status, len(case.body))
    assert server.predict().status == 200 and server.alive()
    tally("P20").count(0)


@pytest.mark.nightly
def test_a_bomb_is_refused_before_it_is_unpacked(server: Server) -> None:
    """D22: 5 GB in a small file."""
    ones = pl.repeat(1.0, 10_000_000, eager=True)
    bomb = Case("", parquet(pl.DataFrame({f"c{i}": ones for i in range(64)})), 413, kind="parquet")
    assert server.ask("/v1/datasets/bomb", b'{"model": "stones"}', method="PUT").status == 201
    status, code, _, _ = upload(server, "bomb", bomb)
    assert (status, code) == (413, "decoded_too_large")


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name[:16] or "empty")
def test_a_name_that_is_none_makes_nothing(name: str, server: Server) -> None:
    """D29."""
    before = rows(server.home, "SELECT name FROM named_datasets")
    body = b'{"model": "stones"}'
    head = (
        f"PUT /v1/datasets/{name.replace(' ', '%20')} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    )
    answered = server.raw(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body, wait_s=5)
    assert answered.split(b" ")[1] in (b"400", b"404", b"405", b"422"), answered
    assert rows(server.home, "SELECT name FROM named_datasets") == before


@pytest.mark.parametrize(
    "told",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=" + "x" * 10_000,
        "multipart/form-data; boundary=x",
        "text/html",
    ],
    ids=["no boundary", "a long boundary", "parts", "a page"],
)
def test_forms_are_not_read(told: str, server: Server) -> None:
    """D30."""
    server.ask("/v1/datasets/forms", b'{"model": "stones"}', method="PUT")
    body = b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n" * 10_000 + b"--x--\r\n"
    answer = server.ask("/v1/datasets/forms/rows", body, headers={"Content-Type": told})
    assert (answer.status, answer.code) == (415, "unsupported_file")
    assert "text/csv" in answer.headers["accept-post"]


def test_a_place_elsewhere_is_not_fetched(server: Server) -> None:
    """D31: rows are sent, never named."""
    server.ask("/v1/datasets/elsewhere", b'{"model": "stones"}', method="PUT")
    for place in ("file:///etc/passwd", "http://169.254.169.254/"):
        answer = server.ask("/v1/datasets/elsewhere/rows", json.dumps({"url": place}).encode())
        assert answer.status == 422


def test_a_dataset_that_a_version_has_learnt_from_can_go_and_the_snapshot_stays(server: Server) -> None:
    """D32: a named dataset is only the way in; a version's own rows never change."""
    before = rows(server.home, "SELECT id, rows FROM datasets ORDER BY id")
    server.ask("/v1/datasets/gone", b'{"model": "stones"}', method="PUT")
    assert upload(server, "gone", Case("", GOOD.encode(), 201))[0] == 201
    assert server.ask("/v1/datasets/gone", method="DELETE").status == 204
    assert rows(server.home, "SELECT id, rows FROM datasets ORDER BY id") == before
    (kept,) = rows(server.home, "SELECT deleted_at FROM named_datasets WHERE name = 'gone'")
    assert kept["deleted_at"] is not None
