"""A worker deletes what is too old, and notes it once."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.app import Assay
from assay.app.looking import Duties
from assay.app.record import retaining
from assay.app.record.retaining import Retaining
from assay.clock import now_us
from assay.store.audit import Action
from assay.store.paging import Window
from assay.store.record.recorder import Entry
from assay.store.record.retention import DAY_US
from tests import rows, tiny


def record(assay: Assay, count: int, days_ago: float) -> None:
    at = now_us() - int(days_ago * DAY_US)
    ids = [f"{(at + 1_000 * number) // 1000:012x}7{number:019x}" for number in range(count)]
    values = [rows.prediction_values(id=one, at=at) for one in ids]
    assay.recorder.record([Entry(rows.exchange_values(id=ids[0], at=at), values)])


def notes(assay: Assay) -> list[Action]:
    return assay.audit.page(Window(), action="retention").entries


def test_a_look_deletes_what_is_old_and_notes_it_when_it_is_through(tmp_path: Path) -> None:
    with tiny.opened(tmp_path / "home", retention_days=2) as assay:
        before = len(assay.predictions.page(Window(limit=1_000)).entries)
        record(assay, 100, 3)
        record(assay, 10, 1)
        for _ in range(3):
            Retaining(assay).look()
        assert len(assay.predictions.page(Window(limit=1_000)).entries) == before + 10
        (noted,) = notes(assay)
        assert (noted.by, noted.subject, noted.reason) == ("retention", "record", "older than 2 days")
        assert noted.after == {"exchanges": 1, "predictions": 100, "outcomes": 0}


def test_a_look_ends_in_time_and_the_next_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retaining, "LOOK_US", 0)
    with tiny.opened(tmp_path / "home", retention_days=2) as assay:
        record(assay, 200, 3)
        duty = Retaining(assay)
        looks = 0
        while not notes(assay):
            duty.look()
            looks += 1
        assert looks > 3
        assert notes(assay)[0].after == {"exchanges": 1, "predictions": 200, "outcomes": 0}


def test_a_worker_notes_no_more_than_once_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tiny.opened(tmp_path / "home", retention_days=2) as assay:
        duty = Retaining(assay)
        for age in (3.0, 4.0, 5.0):
            record(assay, 30, age)
            duty.look()
        assert [one.after["predictions"] for one in notes(assay)] == [30]
        monkeypatch.setattr(retaining, "DAY_US", 0)
        duty.look()
        assert [one.after["predictions"] for one in notes(assay)] == [60, 30]


def test_without_the_setting_everything_stays(tmp_path: Path) -> None:
    with tiny.opened(tmp_path / "home") as assay:
        record(assay, 10, 10_000)
        Retaining(assay).look()
        assert len(assay.predictions.page(Window(limit=1_000), model="stone", role="answer").entries) >= 10
        assert notes(assay) == []


def test_it_is_among_the_duties(tmp_path: Path) -> None:
    with tiny.opened(tmp_path / "home", retention_days=2) as assay:
        record(assay, 10, 3)
        for duty in Duties(assay).all():
            duty()
        assert len(notes(assay)) == 1
