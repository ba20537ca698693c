"""Feature tables on a terminal: nothing that is kept can steer it."""

from __future__ import annotations

import pytest

from assay.cli.views.features.tables import entity_json, show_entities
from assay.domain.features.entity import Entity

ENTITY = Entity(
    features="shops", key="a", values={"name": "x\x1b[2J", "staff": None}, at=0, by="HTTP", ended_at=1_000_000
)


def test_an_entity_is_shown_without_what_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    show_entities([ENTITY], as_json=False, many=True)
    told = capsys.readouterr().out
    assert "shops/a" in told and "\x1b" not in told and "–" in told
    show_entities([], as_json=False, many=True)
    assert "Nothing was ever known of it." in capsys.readouterr().out


def test_times_are_iso() -> None:
    told = entity_json(ENTITY)
    assert (told["at"], told["ended_at"]) == ("1970-01-01T00:00:00.000000Z", "1970-01-01T00:00:01.000000Z")
