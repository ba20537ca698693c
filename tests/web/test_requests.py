"""What every request is held to before anybody looks at what it asks."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from assay.errors import (
    BadIdempotencyKey,
    BodyCutOff,
    BodyTooLarge,
    NotAcceptable,
    UnknownHost,
    UnsupportedEncoding,
    UnsupportedMediaType,
    UriTooLong,
)
from assay.web.requests import Captured, Hosts, Request


def request(path: str = "/x", query: bytes = b"", **headers: str) -> Request:
    named = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return Request({"method": "POST", "path": path, "query_string": query, "headers": named})


def read(asked: Request, *parts: bytes, limit: int = 10, cut_off: bool = False) -> bytes:
    messages: list[dict[str, Any]] = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    messages[-1]["more_body"] = cut_off
    messages.append({"type": "http.disconnect"})

    async def receive() -> Any:
        return messages.pop(0)

    return asyncio.run(asked.read(receive, limit))


def test_a_body_is_read_to_its_end() -> None:
    asked = request()
    assert read(asked, b"ab", b"", b"cd") == asked.body == b"abcd"


def test_a_body_of_the_limit_is_read_and_one_byte_more_is_not() -> None:
    assert read(request(), b"x" * 10) == b"x" * 10
    with pytest.raises(BodyTooLarge):
        read(request(), b"x" * 5, b"x" * 6)
    with pytest.raises(BodyTooLarge):
        read(request(), b"x" * 11)


@pytest.mark.parametrize("told", ["11", "99999999999999999999", "-1", "x", "1.0", "+1"])
def test_a_length_that_is_too_great_or_none_is_refused_before_reading(told: str) -> None:
    with pytest.raises(BodyTooLarge):
        read(request(content_length=told), b"")


def test_a_client_that_goes_away_half_way_has_not_asked() -> None:
    asked = request()
    with pytest.raises(BodyCutOff):
        read(asked, b"abc", cut_off=True)
    assert asked.body == b"abc"


@pytest.mark.parametrize(
    "told",
    ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8", 'application/json; charset="utf-8"'],
)  # fmt: skip
def test_json_is_known_by_its_type(told: str) -> None:
    request(content_type=told).check_json()


@pytest.mark.parametrize("told", ["", "text/json", "text/plain", "application/json; charset=latin-1", "application/x"])
def test_another_type_is_refused(told: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        request(content_type=told).check_json()


def test_compressed_bodies_are_refused() -> None:
    request(content_type="application/json", content_encoding="identity").check_json()
    with pytest.raises(UnsupportedEncoding):
        request(content_type="application/json", content_encoding="gzip").check_json()


@pytest.mark.parametrize("told", ["*/*", "application/json", "application/*", "text/html, application/json;q=0.5", ""])
def test_a_client_that_takes_json_is_answered(told: str) -> None:
    request(content_type="application/json", accept=told).check_json()


@pytest.mark.parametrize("told", ["text/html", "image/*", "application/xml"])
def test_a_client_that_takes_no_json_is_refused(told: str) -> None:
    with pytest.raises(NotAcceptable):
        request(content_type="application/json", accept=told).check_json()


def test_a_key_is_scoped_by_method_and_path() -> None:
    assert request("/a", idempotency_key="k").idempotency_key() == "POST /a k"
    assert request("/a").idempotency_key() is None


@pytest.mark.parametrize("key", ["", "a b", "a\tb", "\u00e9", "x" * 256])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(BadIdempotencyKey):
        request(idempotency_key=key).idempotency_key()


@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost", "localhost:8000", "127.0.0.1:1", "[::1]", "[::1]:8", "my.host:1"]
)
def test_allowed_hosts_are_known_with_any_port_and_in_any_case(host: str) -> None:
    Hosts(("My.Host",), any_host=False).check(request(host=host))


@pytest.mark.parametrize("host", ["", "evil", "localhost.evil", "evil:localhost", "[::2]", "127.0.0.1.evil"])
def test_other_hosts_are_not(host: str) -> None:
    with pytest.raises(UnknownHost):
        Hosts((), any_host=False).check(request(host=host))


def test_a_server_that_is_open_answers_under_any_name() -> None:
    Hosts((), any_host=True).check(request(host="anything"))


def test_path_and_query_together_have_a_limit() -> None:
    Hosts((), any_host=True).check(request("/" + "x" * 4000, b"y" * 4191))
    with pytest.raises(UriTooLong):
        Hosts((), any_host=True).check(request("/" + "x" * 4000, b"y" * 4192))


def test_every_request_has_an_id_and_a_time_of_its_own() -> None:
    first, second = request(), request()
    assert first.id != second.id
    assert second.at >= first.at
    assert first.took_us() >= 0


def test_a_captured_answer_is_held_back_whole() -> None:
    async def story() -> Captured:
        captured = Captured(b"asked")
        assert (await captured.receive())["body"] == b"asked"
        assert (await captured.receive())["type"] == "http.disconnect"
        headers = [(b"content-length", b"4"), (b"x", b"1")]
        await captured.send({"type": "http.response.start", "status": 201, "headers": headers})
        await captured.send({"type": "http.response.body", "body": b"ab", "more_body": True})
        await captured.send({"type": "http.response.body", "body": b"cd"})
        return captured

    captured = asyncio.run(story())
    assert (captured.status, captured.headers, b"".join(captured.body)) == (201, [(b"x", b"1")], b"abcd")
