"""The upload route streams: what it refuses it refuses early, and the record has the size and the beginning."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Iterator
from typing import Any

import pytest

from assay.errors import BodyCutOff, BodyTooLarge, UnsupportedEncoding, UnsupportedFile
from assay.web.requests import REMEMBERED_OF_REFUSED, Request
from assay.web.uploads import Body, UploadRoute, format_of, told_length
from tests.web.running import Running

CSV = {"Content-Type": "text/csv"}
PATH = "/v1/datasets/mine/rows"


def csv(count: int = 60, more: str = "") -> bytes:
    return (
        "carat,cut,color,price\n" + "".join(f"{0.5 + i / 1e4},Ideal,E,{1000 + i}\n" for i in range(count)) + more
    ).encode()


def request(path: str = PATH, method: str = "POST", **headers: str) -> Request:
    named = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return Request({"method": method, "path": path, "query_string": b"", "headers": named})


@pytest.fixture
def mine(server: Running) -> Iterator[Running]:
    server.ask("PUT", "/v1/datasets/mine", {"model": "stone"})
    yield server
    assert server.ask("DELETE", "/v1/datasets/mine").status == 204
    assert list((server.assay.home / "quarantine").iterdir()) == []


def test_a_long_file_is_kept_and_the_record_has_its_size_and_its_beginning(mine: Running) -> None:
    body = csv(40_000)
    answer = mine.ask("POST", PATH, body, CSV)
    assert (answer.status, answer.json["rows"], answer.json["deduplicated"]) == (201, 40_000, False)
    assert answer.headers["content-type"] == "application/json"
    kept = mine.recorded(answer)
    assert (kept.request_size, kept.request) == (len(body), body[:REMEMBERED_OF_REFUSED])
    assert (kept.response, kept.status) == (answer.body, 201)
    again = mine.ask("POST", PATH, body, CSV)
    assert (again.status, again.json) == (200, answer.json | {"deduplicated": True})


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        (PATH, {"Content-Type": "multipart/form-data; boundary=x"}, 415, "unsupported_file"),
        (PATH, {"Content-Type": "application/zip"}, 415, "unsupported_file"),
        (PATH, {}, 415, "unsupported_file"),
        (PATH, CSV | {"Content-Encoding": "gzip"}, 415, "unsupported_encoding"),
        (PATH, CSV | {"Accept": "text/html"}, 406, "not_acceptable"),
        (PATH + "?x=1", CSV, 422, "invalid_parameter"),
        ("/v1/datasets/other/rows", CSV, 404, "dataset_not_found"),
        ("/v1/datasets/../rows", CSV, 404, "dataset_not_found"),
        ("/v1/datasets//rows", CSV, 404, "dataset_not_found"),
    ],
)
def test_what_cannot_be_taken_is_refused_and_recorded(
    mine: Running, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    answer = mine.ask("POST", path, csv(100), headers)
    assert (answer.status, answer.json["code"]) == (status, code)
    kept = mine.recorded(answer)
    assert (kept.status, kept.request_size) == (status, len(csv(100)))
    if status == 415:
        assert "text/csv" in answer.headers["accept-post"] or code == "unsupported_encoding"


def test_another_method_is_not_known_there(mine: Running) -> None:
    answer = mine.ask("GET", PATH)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


def test_a_chunked_body_is_taken_too(mine: Running) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", mine.port, timeout=30)
    body = csv(5000)
    parts = [body[place : place + 1000] for place in range(0, len(body), 1000)]
    connection.request("POST", PATH, iter(parts), CSV, encode_chunked=True)
    assert connection.getresponse().status == 201
    connection.close()


def test_a_connection_goes_on_after_a_refusal_of_a_short_body(mine: Running) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", mine.port, timeout=30)
    for path, status in (("/v1/datasets/other/rows", 404), (PATH, 201)):
        connection.request("POST", path, csv(50), CSV)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
    connection.close()


@pytest.mark.parametrize(
    ("told", "format_"),
    [("text/csv", "csv"), ("Text/CSV; charset=utf-8", "csv"), ("application/vnd.apache.parquet", "parquet"),
     ("application/x-ndjson", "jsonl"), ("application/jsonl", "jsonl")],
)  # fmt: skip
def test_a_file_is_known_by_its_type(told: str, format_: str) -> None:
    assert format_of(request(content_type=told)) == format_


def test_any_other_type_is_refused() -> None:
    with pytest.raises(UnsupportedFile, match=r"text/csv.* not as text/plain"):
        format_of(request(content_type="text/plain"))
    with pytest.raises(UnsupportedEncoding):
        format_of(request(content_type="text/csv", content_encoding="gzip"))


def test_json_is_left_to_the_control_plane() -> None:
    assert UploadRoute.takes(request(content_type="text/csv"))
    assert UploadRoute.takes(request())
    assert not UploadRoute.takes(request(content_type="application/json"))
    assert not UploadRoute.takes(request(method="GET"))
    assert not UploadRoute.takes(request("/v1/datasets/mine"))


def test_a_length_that_is_none_is_refused() -> None:
    assert (told_length(request()), told_length(request(content_length="12"))) == (0, 12)
    for told in ("x", "-1", "9" * 19):
        with pytest.raises(BodyTooLarge):
            told_length(request(content_length=told))


def body_of(asked: Request, *messages: dict[str, Any]) -> Body:
    waiting = list(messages)

    async def receive() -> Any:
        return waiting.pop(0)

    return Body(receive, asked)


def test_of_a_body_only_the_size_and_the_beginning_stay() -> None:
    asked = request()
    parts = [{"type": "http.request", "body": b"x" * 1500, "more_body": more} for more in (True, True, False)]
    body = body_of(asked, *parts)

    async def story() -> None:
        while body.more:
            assert len(await body.read()) == 1500

    asyncio.run(story())
    assert (asked.size, asked.body) == (4500, b"x" * REMEMBERED_OF_REFUSED)


def test_a_client_that_goes_away_has_sent_nothing() -> None:
    gone = {"type": "http.disconnect"}
    with pytest.raises(BodyCutOff):
        asyncio.run(body_of(request(), gone).read())
    assert asyncio.run(body_of(request(), gone).read(whole_only=False)) == b""
    asyncio.run(body_of(request(content_length="9"), gone).skip())


def test_a_long_body_that_nobody_wants_is_not_read() -> None:
    asyncio.run(body_of(request(content_length=str(2 << 20))).skip())
