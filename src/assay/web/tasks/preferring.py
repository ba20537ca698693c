"""What a client prefers (RFC 7240): to be answered later, or to wait no longer than so many seconds."""

from __future__ import annotations

from typing import NamedTuple

PREFER = b"prefer"
LONGEST_WAIT_S = 60


class Preference(NamedTuple):
    """`wait_s` is how long the client waits, None where it does not say so; `background` that it need not wait at all."""

    background: bool
    wait_s: int | None

    @property
    def applied(self) -> bytes:
        """What is done of it, as the answer's header says it."""
        words = ["respond-async"] if self.background else []
        words += [] if self.wait_s is None else [f"wait={self.wait_s}"]
        return ", ".join(words).encode()


def preference_of(header: bytes | None) -> Preference | None:
    """What of the header means something here; None where nothing does. Of a preference that stands twice the first counts."""
    if header is None:
        return None
    told: dict[bytes, bytes] = {}
    for part in header.split(b","):
        name, _, value = part.partition(b";")[0].partition(b"=")
        told.setdefault(name.strip().lower(), value.strip().strip(b'"'))
    wait = told.get(b"wait", b"")
    wait_s = min(int(wait), LONGEST_WAIT_S) if wait.isdigit() and len(wait) <= 9 else None
    background = b"respond-async" in told
    return Preference(background, wait_s) if background or wait_s is not None else None
