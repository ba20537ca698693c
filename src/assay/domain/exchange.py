"""An exchange: one HTTP request and response as they crossed the door."""

from __future__ import annotations

import msgspec

from assay.clock import iso


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """Raw bytes both ways. A `response` of None was too long to keep twice: its size and sha256 are kept instead."""

    id: str
    at: int
    method: str
    path: str
    query: str
    status: int
    took_us: int
    request: bytes
    response: bytes | None
    request_size: int
    response_size: int
    response_digest: str | None = None
    idempotency_key: str | None = None
    replay_of: str | None = None

    @property
    def timestamp(self) -> str:
        """When the request came, as ISO 8601 in UTC."""
        return iso(self.at)

    @property
    def request_text(self) -> str:
        """The request's body for people; bytes that are no text are shown as replacement characters."""
        return self.request.decode("utf-8", "replace")

    @property
    def response_text(self) -> str | None:
        """The response's body for people; None where only its size and digest are kept."""
        return None if self.response is None else self.response.decode("utf-8", "replace")
