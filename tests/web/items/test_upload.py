"""A recording is taken in by either address, streamed, and kept or refused as a whole."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import pytest

from assay.domain.items.item import Item
from assay.web.items.upload import ItemRoute, address_of, collections_of, item_json
from assay.web.requests import Request
from tests import rows, waves
from tests.web.running import Answer, Running

LONG = "/v1/items/files/"
SHORT = "/files/"
BODY = waves.wav()


@pytest.fixture
def mine(hearing: Running) -> Iterator[Running]:
    yield hearing
    for item in hearing.assay.items.page("files"):
        assert hearing.ask("DELETE", LONG + quote(item.name)).status == 204
    assert hearing.assay.items.counts() == {}
    assert [*(hearing.assay.home / "quarantine").glob("*"), *(hearing.assay.home / "artifacts").glob("*/*")] == []


def put(server: Running, path: str, body: bytes = BODY, **headers: str) -> Answer:
    return server.ask("PUT", path, body, {name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize("address", [LONG, SHORT])
def test_a_recording_is_kept_under_its_name(mine: Running, address: str) -> None:
    answer = put(mine, f"{address}one.wav", content_type="audio/wav")
    digest = sha256(BODY).hexdigest()
    assert (answer.status, answer.headers["etag"]) == (201, f'"{digest}"')
    assert answer.headers["location"] == "/v1/items/files/one.wav"
    told = answer.json
    assert (told["name"], told["collection"], told["digest"], told["size"]) == ("one.wav", "files", digest, len(BODY))
    assert (told["duration"], told["duration_seconds"], told["format"]) == (2, 2.0, "wav")
    assert mine.get(answer.headers["location"]).json == told
    again = put(mine, f"{address}one.wav")
    assert (again.status, again.json, again.headers["etag"]) == (200, told, answer.headers["etag"])


def test_other_bytes_are_another_item_under_the_same_name(mine: Running) -> None:
    first = put(mine, f"{SHORT}one.wav")
    second = put(mine, f"{SHORT}one.wav", waves.wav(3))
    assert (second.status, second.json["id"] != first.json["id"]) == (201, True)
    assert mine.get(f"{LONG}one.wav").json["duration"] == 3


@pytest.mark.parametrize(
    "name",
    [
        "a/b.wav",
        "ä ☃.wav",
        '"><script>alert(1)</script>',
        "\u202egpj.wav",
        "100%.wav",
        "a?b#c",
        "..wav",
        "content",
        "x" * 255,
    ],
)
def test_a_name_is_any_text(mine: Running, name: str) -> None:
    answer = put(mine, SHORT + quote(name))
    assert (answer.status, answer.json["name"]) == (201, name)
    assert mine.get(answer.headers["location"]).json == answer.json
    content = mine.get(answer.json["content"])
    assert (content.status, content.body) == (200, BODY)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/one.wav",
        "one.wav/",
        "a//b",
        "./a",
        "a/../b",
        "..",
        "a%0Ab",
        "%7F",
        "a%00",
        "%FF.wav",
        "x" * 256,
        "a/content",
    ],
)
def test_a_name_that_is_none_is_refused(mine: Running, path: str) -> None:
    answer = put(mine, SHORT + path)
    assert (answer.status, answer.json["code"]) == (422, "invalid_name")


def test_an_item_needs_a_name(mine: Running) -> None:
    for path in ("/files", "/v1/items/files"):
        assert put(mine, path).json["code"] == "invalid_name"


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        ("one.wav", {"content_type": "multipart/form-data; boundary=x"}, 415, "audio_unsupported"),
        ("one.wav", {"content_encoding": "gzip"}, 415, "unsupported_encoding"),
        ("one.wav", {"content_range": "bytes 0-99/200"}, 400, "body_is_part"),
        ("one.wav", {"accept": "text/html"}, 406, "not_acceptable"),
        ("one.wav?x=1", {}, 422, "invalid_parameter"),
    ],
)
def test_what_cannot_be_taken_is_refused(
    mine: Running, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    answer = put(mine, LONG + path, BODY, **headers)
    assert (answer.status, answer.json["code"]) == (status, code)
    kept = mine.recorded(answer)
    assert (kept.status, kept.request_size) == (status, len(BODY))


def test_a_collection_that_is_not_declared_is_not_found(mine: Running) -> None:
    assert (put(mine, "/v1/items/other/one.wav").json["code"], put(mine, "/other/one.wav").status) == (
        "collection_not_found",
        404,
    )


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [(b"", 422, "empty"), (b"<!doctype html>" * 9, 415, "audio_unsupported"), (waves.wav(0.5), 422, "too_short"),
     (bytes(1 << 20 | 1), 413, "too_large"), (waves.made(waves.tone(601, 4_000, loud=0), 4_000, format="FLAC"), 413, "audio_too_long")],
    ids=["empty", "page", "short", "large", "long"],
)  # fmt: skip
def test_a_body_that_cannot_be_heard_leaves_nothing(mine: Running, body: bytes, status: int, code: str) -> None:
    answer = put(mine, f"{SHORT}one.wav", body)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert mine.get(f"{LONG}one.wav").json["code"] == "item_not_found"


def test_the_record_holds_no_part_of_a_recording_that_can_be_deleted(mine: Running) -> None:
    kept = mine.recorded(put(mine, f"{SHORT}one.wav"))
    assert (kept.status, kept.request_size, kept.request) == (201, len(BODY), b"")
    refused = mine.recorded(put(mine, f"{SHORT}two.wav", b"RIFF and more"))
    assert refused.request == b"RIFF and more"


def test_a_chunked_body_is_taken_too(mine: Running) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", mine.port, timeout=30)
    parts = [BODY[place : place + 1000] for place in range(0, len(BODY), 1000)]
    connection.request("PUT", f"{SHORT}one.wav", iter(parts), {}, encode_chunked=True)
    assert connection.getresponse().status == 201
    connection.close()


def test_a_connection_goes_on_after_a_refusal(mine: Running) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", mine.port, timeout=30)
    for path, status in (("/files/a//b", 422), ("/files/one.wav", 201)):
        connection.request("PUT", path, BODY)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
    connection.close()


def test_an_item_is_told_with_whole_seconds_and_exactly() -> None:
    item: Item = rows.item("a b/ä.wav")
    told: dict[str, Any] = item_json(item)
    assert (told["duration"], told["duration_seconds"]) == (1, 1.0)
    assert told["content"] == "/v1/items/files/a%20b/%C3%A4.wav/content" == f"{address_of(item)}/content"


def test_only_what_names_an_item_is_taken(hearing: Running) -> None:
    route = ItemRoute(hearing.process)

    def takes(method: str, path: str) -> bool:
        return route.takes(Request({"method": method, "path": path, "query_string": b"", "headers": []}))

    assert takes("PUT", "/v1/items/files/one.wav")
    assert takes("PUT", "/v1/items/other/one.wav")
    assert takes("PUT", "/files/one.wav")
    assert not takes("PUT", "/other/one.wav")
    assert not takes("PUT", "/v1/items")
    assert not takes("POST", "/files/one.wav")
    assert list(collections_of(hearing.process)) == ["files"]
