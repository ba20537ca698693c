"""Connections to an endpoint: kept, given up at their time, to the address that was checked, and encrypted where they should be."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from assay.clock import ticks_us
from assay.domain.remote import Remote
from assay.errors import RemoteModelBadAnswer, RemoteModelTimedOut, RemoteModelUnreachable
from assay.serving.endpoints.lines import Hold, Lines, Request
from tests import endpoint
from tests.endpoint import Endpoint

QUESTION = Request(method="GET", target="/api/detect/low/x")


@pytest.fixture(scope="module")
def process() -> Iterator[Endpoint]:
    with endpoint.listening() as found:
        yield found


@pytest.fixture
def remote(process: Endpoint) -> Endpoint:
    process.mood("good")
    return process


def lines(port: int, addresses: Any = None, scheme: str = "http", host: str = "localhost", **told: Any) -> Lines:
    url = f"{scheme}://{host}:{port}/{{label}}/{{audio}}"
    spec = msgspec.convert({"url": url, "retries": 0, "backoff_s": 0.01, **told}, Remote)
    return Lines(spec, {}, addresses or (lambda _host, _port: ["127.0.0.1"]))


def hold(seconds: float = 5.0) -> Hold:
    return Hold(ticks_us() + int(seconds * 1e6))


def test_the_host_is_told_as_it_was_named_whatever_its_address(remote: Endpoint) -> None:
    asked = lines(remote.port, host="localhost")
    asked.ask(QUESTION, hold())
    asked.close()
    headers = remote.seen["requests"][0]["headers"]
    assert headers["Host"] == f"localhost:{remote.port}"
    assert headers["Accept-Encoding"] == "identity"
    assert headers["User-Agent"] == "assay"


def test_each_new_connection_goes_to_the_addresses_of_that_moment(remote: Endpoint) -> None:
    """A name may come to lead elsewhere; what is asked is what was checked, and never what a second look-up says."""
    known = ["127.0.0.2"]  # where nobody listens
    asked = lines(remote.port, lambda _host, _port: list(known))
    with pytest.raises(RemoteModelUnreachable):
        asked.ask(QUESTION, hold())
    known[:] = ["127.0.0.2", "127.0.0.1"]
    assert b"low" in asked.ask(QUESTION, hold())
    known[:] = ["127.0.0.2"]
    assert b"low" in asked.ask(QUESTION, hold())  # by the connection that is open
    asked.close()


def test_nobody_who_answers_the_knock_is_waited_for_in_vain() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        port = deaf.getsockname()[1]
        knocking = [socket.socket() for _ in range(4)]  # more than wait to be let in
        for one in knocking:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        time.sleep(0.05)
        began = time.monotonic()
        with pytest.raises((RemoteModelUnreachable, RemoteModelTimedOut)):
            lines(port).ask(QUESTION, hold(0.5))
        assert time.monotonic() - began < 2
        for one in knocking:
            one.close()


@pytest.mark.parametrize("mood", ["hang", "drip", "drip_old", "drip_head"])
def test_whoever_waits_can_end_it_at_any_moment(remote: Endpoint, mood: str) -> None:
    remote.mood(mood)
    asked, held = lines(remote.port), hold(60.0)
    threading.Timer(0.3, held.end).start()
    began = time.monotonic()
    with pytest.raises(RemoteModelTimedOut):
        asked.ask(QUESTION, held)
    assert time.monotonic() - began < 2
    with pytest.raises(RemoteModelTimedOut):
        asked.ask(QUESTION, held)
    asked.close()


def test_an_answer_of_exactly_the_longest_length_is_read(remote: Endpoint) -> None:
    asked = lines(remote.port, longest_answer=1_024)
    remote.mood("says", " " * 1_024)
    assert len(asked.ask(QUESTION, hold())) == 1_024
    remote.mood("says", " " * 1_025)
    with pytest.raises(RemoteModelBadAnswer, match="1,024 bytes"):
        asked.ask(QUESTION, hold())
    asked.close()


def test_no_proxy_of_the_environment_comes_between(remote: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    asked = lines(remote.port)
    assert b"low" in asked.ask(QUESTION, hold())
    asked.close()


def test_a_connection_that_comes_back_after_the_end_is_closed(remote: Endpoint) -> None:
    remote.mood("slow")
    asked = lines(remote.port)
    done: list[bytes] = []
    asking = threading.Thread(target=lambda: done.append(asked.ask(QUESTION, hold())))
    asking.start()
    time.sleep(0.05)
    asked.close()
    asking.join()
    assert done
    assert not asked._idle


# ---- encrypted


AUTHORITY = """
[ca]
default_ca = own
[own]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
copy_extensions = copy
policy = any
[any]
commonName = supplied
"""


def certificate(folder: Path, *, name: str = "localhost", until: str = "20991231000000Z") -> Path:
    """A certificate that its own key has signed, and the key, in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl, which is not installed")
    for file, text in (("own.cnf", AUTHORITY), ("index.txt", ""), ("serial", "01\n")):
        (folder / file).write_text(text)
    ask = f"openssl req -new -newkey rsa:2048 -nodes -keyout key -out asked -subj /CN={name} -addext subjectAltName=DNS:{name}"
    sign = f"openssl ca -batch -selfsign -notext -config own.cnf -keyfile key -in asked -out signed -startdate 20200101000000Z -enddate {until}"
    for command in (ask, sign):
        ran = subprocess.run(command.split(), cwd=folder, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
    both = folder / "both.pem"
    both.write_text((folder / "signed").read_text() + (folder / "key").read_text())
    return both


def test_an_endpoint_with_a_certificate_that_is_trusted_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(known))
    with endpoint.listening(certificate=known) as remote:
        asked = lines(remote.port, scheme="https")
        assert b"low" in asked.ask(QUESTION, hold())
        assert b"low" in asked.ask(QUESTION, hold())
        for mood in ("hang", "drip", "drip_head"):
            remote.mood(mood)
            held = hold(60.0)
            threading.Timer(0.3, held.end).start()
            began = time.monotonic()
            with pytest.raises(RemoteModelTimedOut):
                asked.ask(QUESTION, held)
            assert time.monotonic() - began < 2
        asked.close()


@pytest.mark.parametrize("wrong", ["unknown", "name", "expired"])
def test_any_other_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    told = {"name": {"name": "else.invalid"}, "expired": {"until": "20200102000000Z"}}.get(wrong, {})
    shown = certificate(tmp_path, **told)
    if wrong != "unknown":
        monkeypatch.setenv("SSL_CERT_FILE", str(shown))
    with endpoint.listening(certificate=shown) as remote, pytest.raises(RemoteModelUnreachable, match="certificate"):
        lines(remote.port, scheme="https").ask(QUESTION, hold())


def test_plain_words_to_an_encrypted_endpoint_come_to_nothing(tmp_path: Path, remote: Endpoint) -> None:
    with pytest.raises(RemoteModelUnreachable):
        lines(remote.port, scheme="https").ask(QUESTION, hold())
