"""The connections to one endpoint: kept open between requests, each request within its time, no answer longer than it may be."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from assay.clock import ticks_us
from assay.domain.remote import Remote
from assay.errors import (
    AssayError,
    RemoteModelBadAnswer,
    RemoteModelFailed,
    RemoteModelRefused,
    RemoteModelTimedOut,
    RemoteModelUnreachable,
)

CHUNK = 1 << 16
CONNECT_S = 5.0
AGAIN = frozenset({429, 500, 502, 503, 504})
LONGEST_PAUSE_S = 60.0
_BROKEN = (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is sent: path and query, percent-encoded, and the body, if there is one."""

    method: str
    target: str
    body: bytes | None = None


class Hold:
    """By this whoever waits for a request can end it at any moment, whatever it waits for itself."""

    def __init__(self, until_us: int) -> None:
        self._until_us = until_us
        self._lock = threading.Lock()
        self._given_up = threading.Event()
        self._socket: socket.socket | None = None

    @property
    def left_s(self) -> float:
        """Seconds that are left; nothing where it was given up."""
        return 0.0 if self._given_up.is_set() else max((self._until_us - ticks_us()) / 1e6, 0.0)

    def keep(self, found: socket.socket | None) -> None:
        """The connection that the request goes by now; raises RemoteModelTimedOut where it was given up."""
        with self._lock:
            self._socket = found
        if found is not None and self._given_up.is_set():
            raise RemoteModelTimedOut

    def pause(self, seconds: float) -> None:
        """Waits, unless it is given up."""
        self._given_up.wait(seconds)

    def end(self) -> None:
        """Gives the request up: what its connection waits for comes to nothing at once."""
        self._given_up.set()
        with self._lock:
            if self._socket is not None:
                try:  # of an encrypted connection, too, the one below: its own would be used by two threads
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
                except OSError:
                    return


class Lines:
    """Asks one endpoint. Used by several threads, each with a connection of its own meanwhile."""

    def __init__(
        self, spec: Remote, headers: Mapping[str, str], addresses: Callable[[str, int], list[str]]
    ) -> None:  # fmt: skip
        self._spec = spec
        self._place = spec.place
        host = str(self._place).partition("://")[2]
        self._headers = {
            "Host": host, "Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "assay", **headers
        }  # fmt: skip
        self._addresses = addresses
        self._context = ssl.create_default_context() if self._place.scheme == "https" else None
        self._idle: deque[HTTPConnection] = deque()
        self._closed = False
        self._jitter = np.random.default_rng()

    def ask(self, request: Request, hold: Hold) -> bytes:
        """The body of the answer, made as often as the specification says.

        Raises RemoteModelUnreachable, RemoteModelFailed, RemoteModelRefused, RemoteModelBadAnswer or RemoteModelTimedOut.
        """
        tried = 0
        while True:
            pause_s = self._spec.backoff_s * 2**tried * (0.5 + self._jitter.random())
            try:
                status, after, body = self._exchange(request, hold)
            except RemoteModelUnreachable as broken:
                failed: AssayError = broken
            else:
                if 200 <= status < 300:
                    return body
                failed = self._refusal(status)
                if status not in AGAIN:
                    raise failed
                pause_s = max(pause_s, after)
            if tried == self._spec.retries or pause_s >= hold.left_s:
                raise failed
            hold.pause(pause_s)
            tried += 1

    def close(self) -> None:
        """Ends the connections that nobody uses; those in use end with their requests."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _exchange(self, request: Request, hold: Hold) -> tuple[int, float, bytes]:
        """One request: status, seconds after which to ask again, and body. One on a connection that was kept open is made
        anew where the other end had closed it."""
        while True:
            line, kept = self._line(hold)
            try:
                found = self._send(line, request, hold)
            except _BROKEN as broken:
                line.close()
                if not hold.left_s or isinstance(broken, TimeoutError | urllib3.exceptions.TimeoutError):
                    raise RemoteModelTimedOut(self._late()) from broken
                if kept and isinstance(broken, ConnectionError | http.client.HTTPException):
                    continue
                raise RemoteModelUnreachable(f"The connection to {self._place} broke: {_said(broken)}.") from broken
            except BaseException:
                line.close()
                raise
            finally:
                hold.keep(None)
            if self._closed:
                line.close()
            elif line.sock is not None:
                self._idle.append(line)
            return found

    def _line(self, hold: Hold) -> tuple[HTTPConnection, bool]:
        """A connection, and whether it was kept open."""
        while self._idle:
            try:
                line = self._idle.pop()
            except IndexError:  # another thread has taken it
                break
            if line.is_connected:
                return line, True
            line.close()
        broken: Exception | None = None
        for address in self._addresses(self._place.host, self._place.port):
            if not hold.left_s:
                raise RemoteModelTimedOut(self._late())
            line = self._made(address, min(hold.left_s, CONNECT_S))
            try:
                line.connect()
            except _BROKEN as failed:
                line.close()
                broken = failed
            else:
                return line, False
        raise RemoteModelUnreachable(f"Nobody can be reached at {self._place}: {_said(broken)}.") from broken

    def _made(self, address: str, timeout_s: float) -> HTTPConnection:
        """A connection to just this address, which answers for the host by its certificate where it is encrypted."""
        port = self._place.port
        if self._context is None:
            return HTTPConnection(address, port, timeout=timeout_s)
        return HTTPSConnection(
            address, port, timeout=timeout_s, ssl_context=self._context, server_hostname=self._place.host
        )

    def _send(self, line: HTTPConnection, request: Request, hold: Hold) -> tuple[int, float, bytes]:
        hold.keep(line.sock)
        line.timeout = max(hold.left_s, 1e-3)
        headers = self._headers if request.body is None else {**self._headers, "Content-Type": "application/json"}
        line.request(
            request.method, request.target, request.body, headers, preload_content=False, decode_content=False
        )  # fmt: skip
        response = line.getresponse()
        try:
            if 200 <= response.status < 300:
                return response.status, 0.0, self._read(response, hold)
            line.close()  # nobody reads the rest
            return response.status, _after(response.headers), b""
        finally:
            response.close()

    def _read(self, response: Any, hold: Hold) -> bytes:
        if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            raise RemoteModelBadAnswer(f"The answer of {self._place} is compressed, which was not asked for.")
        longest = self._spec.longest_answer
        found = bytearray()
        more = (response.length_remaining or 0) <= longest
        while more and (chunk := response.read1(CHUNK)):
            found += chunk
            more = len(found) <= longest and hold.left_s > 0
        if not hold.left_s:  # what ends without saying how long it is looks whole when it is cut off
            raise RemoteModelTimedOut(self._late())
        if not more:
            raise RemoteModelBadAnswer(f"The answer of {self._place} is longer than {longest:,} bytes.")
        return bytes(found)

    def _refusal(self, status: int) -> AssayError:
        if status in self._spec.unknown:
            return RemoteModelRefused(f"{self._place} knows nothing of what it was asked ({status}).")
        if 300 <= status < 400:
            return RemoteModelFailed(f"{self._place} leads elsewhere ({status}), and nobody goes there.")
        if 400 <= status < 500 and status not in AGAIN and status != 408:
            return RemoteModelRefused(f"{self._place} refused what it was asked ({status}).")
        return RemoteModelFailed(f"{self._place} failed ({status}).")

    def _late(self) -> str:
        return f"The remote model did not answer within {self._spec.timeout_s:g} s."


def _after(headers: Mapping[str, str]) -> float:
    """What `Retry-After` asks for, in seconds; a date is not worth a clock."""
    told = headers.get("Retry-After", "").strip()
    return min(float(told), LONGEST_PAUSE_S) if told.isascii() and told.isdigit() else 0.0


def _said(broken: Exception | None) -> str:
    lines = str(broken).strip().splitlines() if broken is not None else []
    return lines[0][:200].rstrip(".") if lines else type(broken).__name__
