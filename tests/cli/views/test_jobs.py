"""How jobs look: in a table that fits the terminal, in full, and for programs."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from assay.cli import show
from assay.cli.views.jobs import job_json, jobs_table, one_job
from assay.clock import now_us
from tests import chores

MINUTE = 60_000_000


def text(width: int, **told: Any) -> str:
    console = Console(width=width, record=True, file=None, highlight=False)
    with console.capture() as captured:
        console.print(jobs_table([chores.chore(**told)]))
    return captured.get()


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ({"state": "queued"}, "queued"),
        ({"state": "running", "cancel_requested": True}, "ending"),
        ({"stage": "reading"}, "reading"),
        ({"stage": "fitting", "done": 1_000, "total": 2_000}, "fitting 1,000 of 2,000"),
        ({"done": 7}, "7"),
        ({"attempts": 2, "max_attempts": 3}, "2 of 3"),
        ({"state": "failed", "started_at": 1, "finished_at": 2 * MINUTE + 1}, "2m 00s"),
        ({"model": "stone"}, "stone"),
    ],
)
def test_a_row_tells_what_matters(told: dict[str, Any], shown: str) -> None:
    assert shown in text(show.WIDE, **told)


def test_the_age_is_that_of_the_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    made = chores.chore()
    monkeypatch.setattr("assay.cli.views.jobs.now_us", lambda: made.at + 5 * MINUTE)
    console = Console(width=show.WIDE)
    with console.capture() as captured:
        console.print(jobs_table([made]))
    assert "5m 00s" in captured.get()


def test_a_narrow_terminal_shows_the_id_and_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(show, "console", lambda: Console(width=80))
    made = chores.chore(model="stone", state="running")
    console = Console(width=80)
    with console.capture() as captured:
        console.print(jobs_table([made]))
    said = captured.get()
    assert made.id in said
    assert "running" in said
    assert "stone" not in said


def test_a_job_that_was_never_begun_took_nothing() -> None:
    row = text(show.WIDE, state="canceled").splitlines()[3]
    assert row.rstrip().endswith("–")


def test_programs_get_times_as_text_and_nothing_of_the_worker() -> None:
    made = chores.chore(token="a", worker="b", lease_until=1, lease_boot="c", started_at=now_us())
    found = job_json(made)
    assert found["at"].endswith("Z")
    assert found["started_at"].endswith("Z")
    assert found["finished_at"] is None
    assert not {"token", "worker", "lease_until", "lease_boot"} & set(found)


def test_a_log_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    one_job(chores.chore(log="\x1b]0;evil\x07\nsecond\n"), as_json=False, log_only=True)
    assert capsys.readouterr().out == "\\x1b]0;evil\\x07\nsecond\n"
