"""An exchange keeps raw bytes, and shows them to people as text."""

from __future__ import annotations

import msgspec

from assay.domain.exchange import Exchange

EXCHANGE = Exchange(
    id="0" * 32, at=1_772_539_200_000_000, method="POST", path="/x", query="", status=200, took_us=5,
    request=b'{"a": "\xc3\xa9"}', response=b"\xff{}", request_size=10, response_size=3,
)  # fmt: skip


def test_the_time_is_shown_in_utc() -> None:
    assert EXCHANGE.timestamp == "2026-03-03T12:00:00.000000Z"


def test_bytes_are_shown_as_text_and_what_is_no_text_as_replacement_characters() -> None:
    assert EXCHANGE.request_text == '{"a": "é"}'
    assert EXCHANGE.response_text == "�{}"


def test_a_response_of_which_only_the_digest_is_kept_has_no_text() -> None:
    assert msgspec.structs.replace(EXCHANGE, response=None, response_digest="ab" * 32).response_text is None
