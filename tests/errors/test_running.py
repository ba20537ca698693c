"""What keeps a server from running holds what an operator needs to act."""

from __future__ import annotations

from assay import errors


def test_messages_hold_what_an_operator_needs_to_act() -> None:
    assert "--open" in str(errors.NotLoopback("0.0.0.0"))
    assert "--port" in str(errors.PortTaken("127.0.0.1", 8000, "Address already in use"))
    assert "4711" in str(errors.AlreadyServing("4711"))
    assert "unknown" in str(errors.AlreadyServing(""))
