"""A webhook reaches whom it may reach, signed, and nobody else whatever the spelling."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import time
from typing import Any

import pytest

from assay.app.tasks import webhooks
from assay.app.tasks.webhooks import LONGEST_URL, Target, Webhooks, said_so
from assay.errors import WebhookFailed, WebhookRejected
from tests.hooked import receiver

SECRET = "a secret of some length"
HERE = ("127.0.0.1",)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://example.org/told?key=a%20b", Target(True, "example.org", 443, "/told?key=a%20b")),
        ("https://Example.ORG:8443", Target(True, "example.org", 8443, "/")),
        ("https://93.184.216.34/x", Target(True, "93.184.216.34", 443, "/x")),
        ("https://[2606:4700::1111]/x", Target(True, "2606:4700::1111", 443, "/x")),
    ],
)  # fmt: skip
def test_a_public_host_is_reached_by_https(url: str, target: Target) -> None:
    assert Webhooks(SECRET).check(url) == target


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/", "https://localhost/", "https://127.0.0.1/", "https://10.0.0.5/", "https://[::1]/",
        "https://192.168.1.1/", "https://169.254.169.254/latest/meta-data", "https://[::ffff:10.0.0.1]/", "https://0.0.0.0/",
        "https://2130706433/", "https://127.1/", "https://0x7f.1/", "https://[fe80::1]/", "https://[64:ff9b::7f00:1]/",
        "ftp://example.org/", "https:///x", "//example.org/", "example.org", "", "https://user@example.org/",
        "https://user:word@example.org/", "https://example.org/#part", "https://example.org/a b", "https://exämple.org/",
        "https://example.org/\r\nX: y", "https://example.org:0/", "https://example.org:99999/", "https://[::1/",
        "https://224.0.0.1/", "https://100.64.0.1/", 'https://example.org/"',
    ],
)  # fmt: skip
def test_no_other_is(url: str) -> None:
    with pytest.raises(WebhookRejected):
        Webhooks(SECRET).check(url)


def test_an_address_has_a_longest_length() -> None:
    head = "https://example.org/"
    Webhooks(SECRET).check(head + "x" * (LONGEST_URL - len(head)))
    with pytest.raises(WebhookRejected, match="2,048"):
        Webhooks(SECRET).check(head + "x" * (LONGEST_URL - len(head) + 1))


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080/x", "http://10.1.2.3/", "https://10.1.2.3/", "http://hook.internal/"]
)
def test_the_operator_may_name_private_ones_and_allow_plain_http(url: str) -> None:
    Webhooks(SECRET, ("127.0.0.1", "10.1.0.0/16", "Hook.Internal")).check(url)
    with pytest.raises(WebhookRejected):
        Webhooks(SECRET, ("10.2.0.0/16",)).check(url)


def test_without_a_secret_there_are_none() -> None:
    with pytest.raises(WebhookRejected, match="webhook_secret"):
        Webhooks(None).check("https://example.org/")


def test_a_message_is_signed_as_the_standard_has_it() -> None:
    key = b"0123456789abcdef"
    secret = "whsec_" + base64.b64encode(key).decode()
    headers = Webhooks(secret).signed("msg_1", 1_700_000_000, b'{"a":1}')
    expected = hmac.new(key, b'msg_1.1700000000.{"a":1}', hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(expected).decode()
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("msg_1", "1700000000")
    assert said_so(headers, secret, b'{"a":1}')
    assert not said_so(headers, secret, b'{"a":2}')
    assert not said_so(headers, SECRET, b'{"a":1}')
    assert not said_so({}, secret, b'{"a":1}')


def test_a_secret_that_only_looks_like_the_standards_is_taken_as_it_is() -> None:
    assert said_so(Webhooks("whsec_no base64!").signed("m", 1, b""), "whsec_no base64!", b"")


def test_a_webhook_is_delivered() -> None:
    with receiver() as (port, came):
        status = Webhooks(SECRET, HERE).deliver(f"http://127.0.0.1:{port}/told?x=1", "msg_1", b'{"a":1}')
    assert status == 204
    head, _, body = came[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /told?x=1 HTTP/1.1\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    assert headers["Host"] == f"127.0.0.1:{port}"
    assert said_so(headers, SECRET, body)


def test_nobody_is_followed_elsewhere_and_no_answer_is_read() -> None:
    with receiver(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n") as (port, _):
        assert Webhooks(SECRET, HERE).deliver(f"http://127.0.0.1:{port}/", "m", b"{}") == 302
    with receiver(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n") as (port, _):
        assert Webhooks(SECRET, HERE).deliver(f"http://127.0.0.1:{port}/", "m", b"{}") == 200


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\n" + b"x" * 70_000])
def test_what_is_no_answer_is_a_failure(answer: bytes) -> None:
    with receiver(answer) as (port, _), pytest.raises(WebhookFailed):
        Webhooks(SECRET, HERE).deliver(f"http://127.0.0.1:{port}/", "m", b"{}")


def test_one_that_answers_byte_by_byte_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "TIMEOUT_S", 0.5)
    began = time.monotonic()
    with receiver(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1000, wait_s=0.05) as (port, _), pytest.raises(WebhookFailed):
        Webhooks(SECRET, HERE).deliver(f"http://127.0.0.1:{port}/", "m", b"{}")
    assert time.monotonic() - began < 10


def test_nobody_at_home_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(WebhookFailed, match="ConnectionRefusedError"):
        Webhooks(SECRET, HERE).deliver(f"http://127.0.0.1:{port}/", "m", b"{}")


@pytest.mark.parametrize(
    "addresses", [["10.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["::ffff:192.168.0.1"], ["fe80::1%eth0"]]
)
def test_a_name_that_leads_to_a_private_address_is_refused(
    addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 443)) for one in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    with pytest.raises(WebhookRejected, match="private"):
        Webhooks(SECRET).deliver("https://rebound.example/", "m", b"{}")


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def found(host: str, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))]

    with receiver() as (port, came), monkeypatch.context() as patched:
        resolve = socket.getaddrinfo
        patched.setattr(
            socket,
            "getaddrinfo",
            lambda host, *more, **told: (found if host == "hook.test" else resolve)(host, *more, **told),
        )
        status = Webhooks(SECRET, ("hook.test", "127.0.0.1")).deliver(f"http://hook.test:{port}/", "m", b"{}")
    assert (status, asked) == (204, ["hook.test"])
    assert f"Host: hook.test:{port}".encode() in came[0]


def test_a_host_that_nobody_knows_is_a_failure() -> None:
    with pytest.raises(WebhookFailed, match="not known"):
        Webhooks(SECRET).deliver("https://nobody.invalid/", "m", b"{}")
