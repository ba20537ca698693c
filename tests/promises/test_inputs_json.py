"""Bad inputs, family J: every body and head that a predict route may be sent, on a real server.

What is not HTTP (family members that end in `framing`) is answered before there is a request, and so cannot be recorded
as an exchange; those cases ask for the refusal, the closed connection and an unharmed server only.
"""

from __future__ import annotations

import gzip
import json
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.promises.conftest import Tally
from tests.promises.servers import JSON, NOTE, STONE, Answer, Server, parse

STONES, NOTES = "/v1/models/stones/predict", "/v1/models/notes/predict"
GOOD = json.dumps(STONE).encode()
MIB = 1 << 20


@dataclass(frozen=True)
class Case:
    """What is sent, and what must come back."""

    id: str
    body: bytes
    status: int
    code: str = ""
    path: str = STONES
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=lambda: dict(JSON))
    says: str = ""
    quick_s: float = 5.0


def stone(**told: Any) -> bytes:
    """A stone with other values."""
    return json.dumps(STONE | told).encode()


def spelt(name: str, literal: str, *, path: str = STONES) -> bytes:
    """A question in which one value is spelt as told, whether or not that is JSON."""
    asked = STONE if path == STONES else NOTE
    return json.dumps(asked | {name: "@"}).replace('"@"', literal).encode()


def note(**told: Any) -> bytes:
    """A note with other values."""
    return json.dumps(NOTE | told).encode()


def without(*names: str) -> bytes:
    """A stone that lacks something."""
    return json.dumps({name: value for name, value in STONE.items() if name not in names}).encode()


def texts(family: str, *values: str) -> list[Case]:
    """Free texts that must pass as they are."""
    return [Case(f"{family} text {i}", note(text=value), 200, path=NOTES) for i, value in enumerate(values)]


def literals(family: str, name: str, status: int, code: str, *spellings: str, path: str = STONES) -> list[Case]:
    """Values of one field as spelt."""
    return [
        Case(f"{family} {name} {value[:24]}", spelt(name, value, path=path), status, code, path=path)
        for value in spellings
    ]


def media(family: str, status: int, code: str, **headers: str) -> Case:
    """A good question under other headers."""
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return Case(
        f"{family} {' '.join(f'{n}={v}' for n, v in headers.items())[:50]}",
        GOOD,
        status,
        code,
        headers={**JSON, **told},
    )


WIDE = json.dumps(STONE | {f"key{i}": 1 for i in range(60_000)}).encode()
COLLIDING = json.dumps(STONE | {str(i * (2**61 - 1)): 1 for i in range(20_000)}).encode()
BOMB = gzip.compress(b" " * 10 * MIB)

CASES = [
    Case("J01 empty", b"", 400, "malformed_json", says="empty"),
    Case("J01 blank", b" \n\t ", 400, "malformed_json", says="empty"),
    Case("J02 cut", b'{"carat": 1.0,', 400, "malformed_json", says=r"\d"),
    Case("J03 words", b"not json", 400, "malformed_json"),
    Case("J03 html", b"<!doctype html><html></html>", 400, "malformed_json"),
    Case("J03 xml", b'<?xml version="1.0"?><a/>', 400, "malformed_json"),
    Case("J04 two values", GOOD + GOOD, 400, "malformed_json"),
    Case("J04 rubbish after", GOOD + b" x", 400, "malformed_json"),
    Case("J04 a NUL after", GOOD + b"\0", 400, "malformed_json"),
    Case("J05 byte-order mark", b"\xef\xbb\xbf" + GOOD, 400, "malformed_json"),
    Case("J06 UTF-16", json.dumps(STONE).encode("utf-16"), 400, "malformed_encoding"),
    Case("J06 UTF-16 without a mark", json.dumps(STONE).encode("utf-16-le"), 400, "malformed_json"),
    Case("J06 Latin-1", spelt("cut", '"Idéal"').decode().encode("latin-1"), 400, "malformed_encoding"),
    Case("J07 0xFF in a string", GOOD.replace(b"Ideal", b"Ide\xffal"), 400, "malformed_encoding"),
    Case("J07 overlong NUL", GOOD.replace(b"Ideal", b"Ide\xc0\x80al"), 400, "malformed_encoding"),
    Case("J07 0xFF in a free text", note().replace(b"a note", b"a\xffnote"), 400, "malformed_encoding", NOTES),
    Case("J07 0xFF in an unknown key", GOOD.replace(b'"carat"', b'"\xffcarat"'), 400, "malformed_encoding"),
    Case("J08 lone high surrogate", spelt("cut", r'"\ud800"'), 400, "malformed_json"),
    Case("J08 lone low surrogate in a text", spelt("text", r'"\udc00"', path=NOTES), 400, "malformed_json", NOTES),
    Case("J08 UTF-8 surrogate", GOOD.replace(b"Ideal", b"\xed\xa0\x80"), 400, "malformed_encoding"),
    Case("J09 NUL in a category", spelt("cut", r'"Ideal\u0000"'), 422, "invalid_string"),
    Case("J09 NUL in a text", spelt("text", r'"a\u0000b"', path=NOTES), 422, "invalid_string", NOTES),
    *texts("J10", "\x01\x02\x1f\x7f", "\u202eabc", "zero\u200bwidth\u200d", "👩\u200d👩\u200d👧", "𠀀𠀁", "line\r\nfeed\ttab", "\ufeffmark", "\ufffe\uffff"),
    *literals("J11", "carat", 400, "malformed_json", "NaN", "Infinity", "-Infinity", "nan", "inf"),
    *literals("J12", "carat", 422, "number_out_of_range", "1e999", "-1e999", "1" + "0" * 400 + ".5"),
    *literals("J12", "depth", 422, "number_out_of_range", "1e999"),
    *literals("J13", "weight", 200, "", "1e-400", "-1e-400", "5e-324", path=NOTES),
    *literals("J14", "carat", 422, "wrong_type", '"NaN"', '"inf"', '"1.5"', '" 1 "', '"1_0"', '"١٢"'),
    *literals("J14", "count", 422, "wrong_type", '"3"', path=NOTES),
    *literals("J15", "carat", 422, "wrong_type", "true", "false"),
    *literals("J15", "urgent", 422, "wrong_type", '"yes"', "1", "0", "null", path=NOTES),
    Case("J16 5,000 digits", spelt("carat", "9" * 5000), 422, "number_out_of_range", quick_s=1.0),
    Case("J16 1,000,000 digits", spelt("carat", "9" * 1_000_000), 422, "number_out_of_range", quick_s=2.0),
    Case("J16 5,000 digits for a whole number", spelt("count", "9" * 5000, path=NOTES), 422, "number_out_of_range", NOTES),
    Case("J16 309 digits", spelt("depth", "9" * 309), 422, "number_out_of_range"),
    *literals("J17", "count", 422, "number_out_of_range", str(2**63), str(2**64), str(10**30), str(-(2**63) - 1), path=NOTES),
    *literals("J18", "depth", 200, "", "9007199254740993", "61.00000000000000000001", "-0.0", "1E1", "0.1e2"),
    *literals("J19", "count", 200, "", "1.0", "1e3", "-2.0e0", path=NOTES),
    *literals("J19", "count", 422, "wrong_type", "1.5", path=NOTES),
    Case("J20 carat twice", b'{"carat":1,"carat":9,"depth":61,"cut":"Ideal","color":"E"}', 400, "duplicate_key", says="carat"),
    Case("J20 twice, once escaped", GOOD[:-1] + rb',"c\u0061rat":9}', 400, "duplicate_key", says="carat"),
    Case("J20 a word twice", GOOD[:-1] + b',"cut":"Fair"}', 400, "duplicate_key", says="cut"),
    Case("J20 twice in a list", b"[" + GOOD + b"," + GOOD[:-1] + b',"carat":9}]', 400, "duplicate_key"),
    Case("J20 twice, nested", spelt("carat", '{"a":1,"a":2}'), 400, "duplicate_key"),
    Case("J20 one word in place of another", b'{"carat":1,"carat":1,"depth":61,"cut":"Ideal"}', 400, "duplicate_key"),
    Case("J21 depth 33", b"[" * 33 + b"]" * 33, 400, "too_deep", quick_s=1.0),
    Case("J21 depth 1,000", spelt("carat", "[" * 1000 + "]" * 1000), 400, "too_deep", quick_s=1.0),
    Case("J21 100,000 open brackets", b"[" * 100_000, 400, "too_deep", quick_s=1.0),
    Case("J21 100,000 nested objects", b'{"a":' * 100_000, 400, "too_deep", quick_s=1.0),
    Case("J21 brackets in a string are no depth", note(text="[" * 5000), 200, path=NOTES),
    Case("J22 60,000 keys", WIDE, 422, "too_many_keys"),
    Case("J22 one long key", stone(**{"k" * 900_000: 1}), 422, "unknown_feature"),
    Case("J22 one key of 1 MiB", stone(**{"k" * MIB: 1}), 413, "too_large"),
    Case("J23 colliding keys", COLLIDING, 422, "too_many_keys", quick_s=3.0),
    *[Case(f"J24 {top.decode()}", top, 422, "wrong_type") for top in (b"null", b"5", b'"x"', b"true")],
    Case("J24 empty list", b"[]", 422, "empty_batch"),
    Case("J24 list of a list", b"[[]]", 422, "wrong_type"),
    Case("J25 one missing", without("carat"), 422, "missing_feature", says="carat"),
    Case("J25 all missing", b"{}", 422, "missing_feature", says="(?s)carat.*depth.*cut.*color"),
    Case("J26 one too many", stone(karat=1), 422, "unknown_feature", says="karat"),
    Case("J27 another case", json.dumps({"Carat" if n == "carat" else n: v for n, v in STONE.items()}).encode(), 422, "question_invalid",
         says="did you mean 'carat'"),
    *literals("J28", "carat", 422, "wrong_type", "null"),
    *literals("J28", "discount", 200, "", "null", path=NOTES),
    *literals("J29", "cut", 422, "unknown_category", '"Superb"', '""', '"' + "x" * 65_536 + '"'),
    *literals("J30", "carat", 422, "out_of_range", "-1", "0", "1e12", "20.000001"),
    *literals("J31", "carat", 422, "wrong_type", "{}", "[]", "[1]", '{"a":1}'),
    *literals("J31", "text", 422, "wrong_type", "{}", "[]", "5", path=NOTES),
    *texts("J32", "__proto__", "constructor", "{{7*7}}", "${jndi:ldap://x}", "%s%n%x", "'; DROP TABLE exchanges; --", "../../etc/passwd"),
    *texts("J33", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "javascript:alert(1)"),
    *texts("J34", "=cmd|'/c calc'!A1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"),
    Case("J35 1 MiB and one byte", note(text="x" * (MIB + 1 - len(note(text="")))), 413, "too_large", NOTES),
    Case("J39 a bomb", BOMB, 415, "unsupported_encoding", headers={**JSON, "Content-Encoding": "gzip"}),
    *[media("J39", 415, "unsupported_encoding", Content_Encoding=kind) for kind in ("br", "zstd", "gzip, gzip", "x")],
    Case("J40 no media type", GOOD, 415, "unsupported_media_type", headers={}),
    *[media("J40", 415, "unsupported_media_type", Content_Type=kind)
      for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json; charset=latin-1", "application/jsonx")],
    *[media("J40 good", 200, "", Content_Type=kind) for kind in ("application/json; charset=utf-8", "Application/JSON")],
    Case("J41 a body on GET", GOOD, 405, "method_not_allowed", method="GET"),
    *[Case(f"J42 {kind}", data, 415, "unsupported_media_type", headers={"Content-Type": kind})
      for kind, data in (("application/bson", b"\x05\0\0\0\0"), ("application/msgpack", b"\x80"), ("application/x-protobuf", b"\x08\x01"),
                         ("application/python-pickle", b"cos\nsystem\n(S'touch /tmp/assay-canary'\ntR."))],
    Case("J42 pickle said to be JSON", b"\x80\x04cos\nsystem\n(S'id'\ntR.", 400, "malformed_encoding"),
    *[Case(f"J47 {name}", GOOD, 400, "bad_idempotency_key", headers={**JSON, "Idempotency-Key": key})
      for name, key in (("empty", ""), ("256 characters", "k" * 256), ("not ASCII", "schl\u00fcssel"), ("with a space", "a b"))],
    Case("J47 255 characters", GOOD, 200, headers={**JSON, "Idempotency-Key": "k" * 255}),
    Case("J48 10 KB", GOOD, 200, headers={**JSON, "X-Request-Id": "r" * 10_240}),
    *[Case(f"J49 {method}", b"", 405, "method_not_allowed", method=method, headers={}) for method in ("TRACE", "PUT", "DELETE", "PATCH", "OPTIONS")],
    Case("J49 override", b"", 405, "method_not_allowed", method="GET", headers={"X-HTTP-Method-Override": "POST"}),
    Case("J49 override the other way", GOOD, 200, headers={**JSON, "X-HTTP-Method-Override": "DELETE"}),
    *[media("J50", 421, "unknown_host", Host=host) for host in ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "[::2]", "")],
    *[media("J50 good", 200, "", Host=host) for host in ("localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:80")],
    *[media("J52", 406, "not_acceptable", Accept=kind) for kind in ("text/csv", "image/png", "text/html")],
    *[media("J52 good", 200, "", Accept=kind) for kind in ("*/*", "application/json;q=0.9, text/html", "application/*")],
]  # fmt: skip


@pytest.mark.timeout(60)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_bad_input(case: Case, shared_server: Server, tally: Callable[[str], Tally]) -> None:
    server, count = shared_server, tally("P4")
    since = time.monotonic()
    answer = server.ask(case.path, case.body, method=case.method, headers=case.headers)
    took_s = time.monotonic() - since
    count.count(1)
    assert (answer.status, answer.code) == (case.status, case.code), answer.body[:500]
    assert re.search(case.says, answer.body.decode())
    assert took_s < case.quick_s
    assert len(answer.body) < 64 * 1024
    unharmed(server)
    recorded(server, case, answer)
    count.failures -= 1


def unharmed(server: Server) -> None:
    """The same process answers the next good request."""
    assert server.alive()
    assert server.predict().status == 200


def recorded(server: Server, case: Case, answer: Answer) -> None:
    """The refusal is in the record, with the bytes that were sent and those that came back."""
    kept = server.exchange(answer.headers["x-request-id"])
    assert kept is not None, "the exchange is not recorded"
    assert (kept["status"], kept["method"], kept["path"]) == (case.status, case.method, case.path)
    assert kept["response_size"] == len(answer.body)
    if case.status not in (405, 413, 421):  # of these nobody reads the body
        assert kept["request_size"] == len(case.body)
        assert _bytes(kept["request"]) == case.body
    if case.status == 200:
        assert case.status == answer.status and len(_bytes(kept["response"])) == len(answer.body)
    else:
        assert answer.json["instance"] == answer.headers["x-request-id"]


def _bytes(told: Any) -> bytes:
    import base64

    return base64.b64decode(told["base64"]) if isinstance(told, dict) else told.encode()


# ---- below HTTP's surface: raw bytes


def head(*lines: str, path: str = STONES, method: str = "POST", host: str = "Host: localhost") -> bytes:
    """The head of a request with further lines."""
    given = [f"{method} {path} HTTP/1.1", *([host] if host else []), "Content-Type: application/json", *lines]
    return ("\r\n".join(given) + "\r\n\r\n").encode("latin-1")


LENGTH = f"Content-Length: {len(GOOD)}"
CHUNKED = "Transfer-Encoding: chunked"


def chunks(data: bytes, size: int) -> bytes:
    """The data in chunks, without the last one."""
    return b"".join(b"%x\r\n%s\r\n" % (len(data[i : i + size]), data[i : i + size]) for i in range(0, len(data), size))


@dataclass(frozen=True)
class Raw:
    """Bytes, and the statuses that are sensible answers; None where the connection may just be closed."""

    id: str
    data: bytes | list[bytes]
    statuses: tuple[int | None, ...]
    code: str = ""
    recorded: bool = False


RAW = [
    Raw("J35 content-length of 10 GB", head("Content-Length: 10000000000"), (413,), "too_large", recorded=True),
    Raw("J36 longer than it says, framing", head("Content-Length: 5") + GOOD, (400,)),
    Raw("J36 negative length, framing", head("Content-Length: -1") + GOOD, (400,), "bad_framing"),
    Raw("J36 two lengths, framing", head(LENGTH, "Content-Length: 3") + GOOD, (400,), "bad_framing"),
    Raw("J36 length and chunked, framing", head(LENGTH, CHUNKED) + chunks(GOOD, 99) + b"0\r\n\r\n", (400,), "bad_framing"),
    Raw("J36 not a number, framing", head("Content-Length: ten") + GOOD, (400,), "bad_framing"),
    Raw("J36 another encoding, framing", head("Transfer-Encoding: gzip, chunked") + chunks(GOOD, 99) + b"0\r\n\r\n", (200, 400, 501)),
    Raw("J37 endless chunks", [head(CHUNKED), *[chunks(b" " * 65_536, 65_536)] * 600], (413, None), "too_large", recorded=True),
    Raw("J38 chunks of one byte", head(CHUNKED) + chunks(GOOD, 1) + b"0\r\n\r\n", (200,)),
    Raw("J38 1,200,000 chunks of one byte", head(CHUNKED) + chunks(b" " * 1_200_000 + GOOD, 1) + b"0\r\n\r\n", (413,), "too_large", recorded=True),
    Raw("J38 a bad chunk size, framing", head(CHUNKED) + b"zz\r\nab\r\n0\r\n\r\n", (400,)),
    Raw("J38 a huge chunk size, framing", head(CHUNKED) + b"fffffffffffffffff\r\nab", (400, 413)),
    Raw("J43 stops in the headers", b"POST /v1/models/stones/predict HTTP/1.1\r\nHost: loc", (408,), "request_timeout"),
    Raw("J43 stops in the body", head(LENGTH) + GOOD[:5], (408,), "request_timeout"),
    Raw("J36 shorter than it says, framing", head("Content-Length: 500") + GOOD, (408,), "request_timeout"),
    Raw("J43 no byte at all, framing", b"\r\n", (None, 408)),
    Raw("J46 one header of 33 KiB", head("X-Big: " + "b" * 33_000, LENGTH) + GOOD, (431,), "headers_too_large"),
    Raw("J46 300 KiB of header without an end", b"GET /livez HTTP/1.1\r\nX-Big: " + b"b" * 300_000, (431,), "headers_too_large"),
    Raw("J46 101 headers", head(*[f"X-{i}: 1" for i in range(101)], LENGTH) + GOOD, (431,), "headers_too_large"),
    Raw("J46 no colon, framing", head("nonsense", LENGTH) + GOOD, (400,), "bad_framing"),
    Raw("J46 NUL, framing", head("X-Nul: a\0b", LENGTH) + GOOD, (400,), "bad_framing"),
    Raw("J46 folded line, framing", head("X-Fold: a\r\n b", LENGTH) + GOOD, (200, 400)),
    Raw("J46 space before the colon, framing", head("Content-Length : 5", LENGTH) + GOOD, (400,)),
    Raw("J48 a line break in a header, framing", head("X-Request-Id: a\rInjected: yes", LENGTH) + GOOD, (200, 400)),
    Raw("J49 CONNECT, framing", head(method="CONNECT", path="localhost:1"), (400, 404, 405)),
    Raw("J49 FOO, framing", head(LENGTH, method="FOO") + GOOD, (400,), "bad_framing"),
    Raw("J50 no host, framing", head(LENGTH, host="") + GOOD, (400,), "bad_framing"),
    Raw("J50 two hosts, framing", head(LENGTH, "Host: evil.example") + GOOD, (400,), "bad_framing"),
    Raw("J51 expects 100 and never sends", head(LENGTH, "Expect: 100-continue"), (408,), "request_timeout"),
    Raw("J03 a TLS hello, framing", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + b"\x7f" * 200, (400, None)),
    Raw("J03 HTTP/2 preface, framing", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0" * 40, (400, 404, 405, 505, None)),
]  # fmt: skip


@pytest.mark.timeout(60)
@pytest.mark.parametrize("case", RAW, ids=lambda case: case.id)
def test_bad_bytes(case: Raw, shared_server: Server, tally: Callable[[str], Tally]) -> None:
    """A connection whose bytes are refused is closed, and nobody else notices."""
    server, count = shared_server, tally("P4")
    count.count(1)
    answers = parse(server.raw(case.data, wait_s=8, half_close=False))
    first = answers[0] if answers else None
    assert (first.status if first else None) in case.statuses, first
    if first is not None and case.code and first.status in case.statuses and first.status != 200:
        assert first.code == case.code
    unharmed(server)
    if case.recorded and first is not None:
        kept = server.exchange(first.headers["x-request-id"])
        assert kept is not None and kept["status"] == first.status
    count.failures -= 1


def test_a_refused_head_is_never_understood_as_two_requests(shared_server: Server) -> None:
    """J36: the bytes after a refused request are not taken for the next one."""
    smuggled = head(LENGTH, CHUNKED) + b"0\r\n\r\n" + head(method="GET", path="/v1/models")
    found = shared_server.raw(smuggled, wait_s=3)
    assert [answer.status for answer in parse(found)] == [400]
    unharmed(shared_server)


def test_a_request_id_of_the_client_is_never_sent_back(shared_server: Server) -> None:
    """J48: ids are the server's own."""
    answer = shared_server.predict(headers={"X-Request-Id": "told-by-the-client"})
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])
    assert "told-by-the-client" not in repr(answer)


def test_a_client_that_closes_its_side_after_sending_is_recorded(shared_server: Server) -> None:
    """J44: the answer may or may not reach it; the record has it."""
    body = stone(carat=1.234567)
    shared_server.raw(head(f"Content-Length: {len(body)}") + body, wait_s=2, half_close=True)
    found = shared_server.ask("/v1/exchanges?limit=20&path=" + STONES).json["results"]
    assert body.decode() in [one["request"] for one in found]
    unharmed(shared_server)


def test_a_client_that_half_closes_is_answered_by_the_long_way_too(shared_server: Server) -> None:
    """J44: not only on the express lane: with a key, and on a route of the application."""
    for path, line in ((STONES, "Idempotency-Key: half"), ("/price", "X-Plain: yes")):
        body = stone(carat=1.5)
        data = head(f"Content-Length: {len(body)}", line, path=path) + body
        found = parse(shared_server.raw(data, wait_s=5, half_close=True))
        assert [answer.status for answer in found] == [200], path
    unharmed(shared_server)


def test_a_body_that_was_cut_off_is_never_recorded_as_if_it_were_whole(shared_server: Server) -> None:
    """J44: the client goes in the middle of a chunked body that could be read as complete; nothing is answered."""
    body = stone(carat=1.777)
    shared_server.raw(head(CHUNKED) + chunks(body, 99), wait_s=0)
    until = time.monotonic() + 5
    found: list[Any] = []
    while not found and time.monotonic() < until:
        kept = shared_server.ask("/v1/exchanges?limit=20&path=" + STONES).json["results"]
        found = [one for one in kept if one["request"] == body.decode()]
    assert [one["status"] for one in found] == [400]
    assert json.loads(found[0]["response"])["code"] == "body_cut_off"
    unharmed(shared_server)


@pytest.mark.timeout(60)
def test_a_thousand_pipelined_requests_that_nobody_reads_harm_nobody(shared_server: Server) -> None:
    """J45: others are answered meanwhile."""
    import socket

    with socket.create_connection(("127.0.0.1", shared_server.port), timeout=1) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with suppress(TimeoutError):  # the server no longer reads: that is its right
            connection.sendall((head(LENGTH) + GOOD) * 1000)
        unharmed(shared_server)
    unharmed(shared_server)


def test_memory_stays_after_all_that(shared_server: Server) -> None:
    """A repetition of the largest refused bodies leaves the process no larger."""
    for _ in range(3):
        shared_server.ask(STONES, WIDE, headers=JSON)
    before = _resident_mb(shared_server.worker)
    for _ in range(10):
        shared_server.ask(STONES, WIDE, headers=JSON)
        shared_server.ask(STONES, b"[" * 100_000, headers=JSON)
    assert _resident_mb(shared_server.worker) < before + 40


def _resident_mb(pid: int) -> float:
    import os
    from pathlib import Path

    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
