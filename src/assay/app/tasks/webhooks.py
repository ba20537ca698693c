"""Webhooks: whom they may reach, how they are signed (Standard Webhooks), and how one is delivered."""

from __future__ import annotations

import base64
import binascii
import hmac
import http.client
import re
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from assay.clock import now_us
from assay.errors import WebhookFailed, WebhookRejected
from assay.serving.endpoints.networks import Network, literal, meant, misspelt, networks, public, within

LONGEST_URL = 2_048
CONNECT_S = 5.0
TIMEOUT_S = 15.0
_VISIBLE = re.compile(r"[!#-;=?-Z_a-z~\[\]]+")  # what may stand in an address, and in a header, as it is
GONE = 410


class Target(NamedTuple):
    """Where a webhook goes, read from its address."""

    secure: bool
    host: str
    port: int
    path: str


class Webhooks:
    """`secret` signs; without it nobody is told anything. `hosts` may be reached although they are private, or by HTTP."""

    def __init__(self, secret: str | None, hosts: Sequence[str] = ()) -> None:
        self._key = None if secret is None else _key_of(secret)
        self._hosts = frozenset(host.lower() for host in hosts)
        self._networks: list[Network] = networks(hosts)

    def check(self, url: str) -> Target:
        """Where the address leads; raises WebhookRejected, which says the rule. Nobody is looked up."""
        if self._key is None:
            raise WebhookRejected("There are no webhooks here: the operator sets webhook_secret.")
        told = _split(url)
        host = (told.hostname or "").lower()
        if misspelt(host):
            raise WebhookRejected("The webhook's host is no name, and no address as it is written.")
        address = literal(host)
        named = host in self._hosts or (address is not None and self._allowed(address))
        if told.scheme != "https" and not named:
            raise WebhookRejected("A webhook's address begins with https://, unless webhook_hosts names its host.")
        if not named and (host == "localhost" or (address is not None and not public(address))):
            raise WebhookRejected("A webhook's host must be public, unless webhook_hosts names it.")
        secure = told.scheme == "https"
        path = (told.path or "/") + (f"?{told.query}" if told.query else "")
        return Target(secure, host, told.port or (443 if secure else 80), path)

    def deliver(self, url: str, id: str, body: bytes) -> int:
        """Posts the body once, signed, and returns the status, whatever it is; raises WebhookRejected or WebhookFailed.

        The host's addresses are looked up at this moment, all must be allowed, and one of those is connected to. Nobody is
        followed elsewhere, the answer's body is not read, and all of it takes at most 15 seconds.
        """
        target = self.check(url)
        headers = self.signed(id, now_us() // 1_000_000, body)
        failed: Exception | None = None
        for address in self._addresses(target):
            connection = _Pinned(target, address)
            timer = threading.Timer(TIMEOUT_S, connection.give_up)
            timer.start()
            try:
                connection.connect()
                connection.request("POST", target.path, body, headers)
                return connection.getresponse().status
            except (OSError, http.client.HTTPException, ValueError) as broken:
                failed = broken
            finally:
                timer.cancel()
                connection.close()
        raise WebhookFailed(
            f"The webhook could not be delivered to {target.host}: {type(failed).__name__}."
        ) from failed

    def signed(self, id: str, timestamp: int, body: bytes) -> dict[str, str]:
        """The headers of a message at a time in seconds since 1970."""
        signed = f"{id}.{timestamp}.".encode() + body
        signature = base64.b64encode(hmac.digest(self._key or b"", signed, "sha256")).decode()
        return {
            "Content-Type": "application/json", "User-Agent": "assay", "webhook-id": id,
            "webhook-timestamp": str(timestamp), "webhook-signature": f"v1,{signature}",
        }  # fmt: skip

    def _addresses(self, target: Target) -> list[str]:
        if literal(target.host) is not None:
            return [target.host]
        try:
            found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as unknown:
            raise WebhookFailed(f"The webhook's host {target.host!r} is not known.") from unknown
        told = list(dict.fromkeys(str(one[4][0]) for one in found))
        for one in told:
            address = literal(one.partition("%")[0])
            if address is None or not (public(address) or self._allowed(address)):
                raise WebhookRejected(f"The webhook's host {target.host!r} leads to a private address.")
        return told

    def _allowed(self, address: object) -> bool:
        return all(within(one, self._networks) for one in meant(address))  # type: ignore[arg-type]  # an address of either kind


class _Pinned(http.client.HTTPConnection):
    """A connection to one address of a host, whose certificate must be the host's where it is encrypted."""

    def __init__(self, target: Target, address: str) -> None:
        super().__init__(target.host, target.port, timeout=CONNECT_S)
        self._address = address
        self._secure = target.secure
        self._below: socket.socket | None = None
        self._given_up = False

    def connect(self) -> None:
        """Connects to the address, and to no other."""
        self._below = made = socket.create_connection((self._address, self.port), CONNECT_S)
        if self._given_up:
            raise TimeoutError
        made.settimeout(TIMEOUT_S)
        self.sock = (
            ssl.create_default_context().wrap_socket(made, server_hostname=self.host) if self._secure else made
        )  # fmt: skip

    def give_up(self) -> None:
        """Whatever the connection waits for comes to nothing; called by another thread."""
        self._given_up = True
        if self._below is not None:
            try:
                socket.socket.shutdown(self._below, socket.SHUT_RDWR)
            except OSError:
                return


def _split(url: str) -> SplitResult:
    """The parts of an address; raises WebhookRejected."""
    if not 0 < len(url) <= LONGEST_URL or not _VISIBLE.fullmatch(url):
        raise WebhookRejected(
            f"A webhook's address is 1 to {LONGEST_URL:,} visible ASCII characters, as addresses are written."
        )
    try:
        told = urlsplit(url)
        port = told.port
    except ValueError:
        raise WebhookRejected("The webhook's address cannot be read.") from None
    if told.scheme not in ("http", "https") or not told.hostname or port == 0:
        raise WebhookRejected("A webhook's address is written https://HOST/PATH.")
    if told.username is not None or told.password is not None or told.fragment:
        raise WebhookRejected("A webhook's address names no user, no password and no part of a page.")
    return told


def _key_of(secret: str) -> bytes:
    """The key: the bytes that a secret which begins with `whsec_` stands for in base64, or else those of the text itself."""
    if secret.startswith("whsec_"):
        try:
            return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            pass
    return secret.encode()


def said_so(headers: Mapping[str, str], secret: str, body: bytes) -> bool:
    """Whether a message was signed with the secret: what a receiver has to check."""
    id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not timestamp.isdigit():
        return False
    expected = Webhooks(secret).signed(id, int(timestamp), body)["webhook-signature"]
    return any(hmac.compare_digest(expected, one) for one in headers.get("webhook-signature", "").split(" "))
