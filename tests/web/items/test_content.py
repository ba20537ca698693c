"""The bytes of an item come back as they were sent, to be saved and never to be shown."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from urllib.parse import quote

import pytest

from assay.domain.items.item import Sound
from assay.web.items.content import ContentRoute, disposition_of
from assay.web.requests import Request
from tests import rows, waves
from tests.web.running import Running

BODY = waves.wav(60)  # of several chunks
DIGEST = sha256(BODY).hexdigest()
PATH = "/v1/items/files/one.wav/content"


@pytest.fixture
def kept(hearing: Running) -> Iterator[Running]:
    assert hearing.ask("PUT", "/files/one.wav", BODY, {}).status == 201
    yield hearing
    assert hearing.ask("DELETE", "/v1/items/files/one.wav").status in (204, 404)


def test_they_come_back_whole_and_are_nothing_but_a_file(kept: Running) -> None:
    answer = kept.get(PATH)
    assert (answer.status, answer.body == BODY) == (200, True)
    told = {name: answer.headers[name] for name in ("content-type", "content-length", "etag", "accept-ranges")}
    assert told == {
        "content-type": "audio/wav", "content-length": str(len(BODY)), "etag": f'"{DIGEST}"', "accept-ranges": "none",
    }  # fmt: skip
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["content-disposition"] == "attachment; filename=\"one.wav\"; filename*=UTF-8''one.wav"


def test_the_record_has_their_size_and_digest(kept: Running) -> None:
    found = kept.recorded(kept.get(PATH))
    assert (found.status, found.response, found.response_size, found.response_digest) == (200, None, len(BODY), DIGEST)
    head = kept.recorded(kept.ask("HEAD", PATH))
    assert (head.status, head.response, head.response_size) == (200, b"", 0)


def test_a_head_tells_all_but_the_bytes(kept: Running) -> None:
    answer = kept.ask("HEAD", PATH)
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", str(len(BODY)))


def test_who_has_them_already_is_not_sent_them_again(kept: Running) -> None:
    answer = kept.ask("GET", PATH, headers={"If-None-Match": f'"{"0" * 64}", "{DIGEST}"'})
    assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", f'"{DIGEST}"')
    assert kept.recorded(answer).status == 304
    assert kept.ask("GET", PATH, headers={"If-None-Match": f'"{"0" * 64}"'}).status == 200


def test_a_range_is_not_looked_at(kept: Running) -> None:
    answer = kept.ask("GET", PATH, headers={"Range": "bytes=0-3"})
    assert (answer.status, answer.body == BODY) == (200, True)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/items/files/other/content", 404, "item_not_found"),
        ("/v1/items/other/one.wav/content", 404, "collection_not_found"),
        (f"{PATH}?x=1", 422, "invalid_parameter"),
    ],
)
def test_what_is_not_there_is_not_sent(kept: Running, path: str, status: int, code: str) -> None:
    answer = kept.get(path)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert kept.recorded(answer).status == status


def test_a_body_is_not_taken(kept: Running) -> None:
    assert kept.ask("GET", PATH, b"{}").json["code"] == "too_large"


def test_damaged_bytes_are_not_sent(kept: Running) -> None:
    file = kept.assay.artifacts.path(DIGEST)
    file.write_bytes(BODY[:-1] + b"x")
    answer = kept.get(PATH)
    assert (answer.status, answer.json["code"]) == (503, "artifact_rejected")


@pytest.mark.parametrize(
    ("name", "format_", "shown", "saved"),
    [
        ("a/b/one.WAV", "wav", "one.WAV", "one.WAV"),
        ("page.html", "wav", "page.html.wav", "page.html.wav"),
        ("one.wav", "ogg", "one.wav.ogg", "one.wav.ogg"),
        ("one.oga", "ogg", "one.oga", "one.oga"),
        ('"><s>\\ä☃.mp3', "mp3", "___s____.mp3", '"><s>\\ä☃.mp3'),
        ("\u202egpj", "flac", "_gpj.flac", "\u202egpj.flac"),
    ],
)
def test_a_file_is_saved_as_what_it_is(name: str, format_: str, shown: str, saved: str) -> None:
    item = rows.item(name, sound=Sound(format=format_, rate=8_000, channels=1, frames=8_000))
    assert disposition_of(item) == f"attachment; filename=\"{shown}\"; filename*=UTF-8''{quote(saved, safe='')}"


def test_only_an_items_content_is_streamed(hearing: Running) -> None:
    route = ContentRoute(hearing.process)

    def takes(method: str, path: str) -> bool:
        return route.takes(Request({"method": method, "path": path, "query_string": b"", "headers": []}))

    assert takes("GET", PATH)
    assert takes("HEAD", "/v1/items/files/a/b/content")
    assert not takes("PUT", PATH)
    assert not takes("GET", "/v1/items/files/content"), "an item of that name"
    assert not takes("GET", "/files/one.wav/content")
