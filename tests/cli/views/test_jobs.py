"""How jobs look: in a table that fits the terminal, in full, and for programs."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from assay.cli import show
from assay.cli.views.jobs import came_of, job_json, jobs_table, one_job
from assay.clock import new_id, now_us
from assay.domain.job import Job
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
        ({"state": "running", "cancel_requested": True}, "running (to be canceled)"),
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
    assert row.split()[-2:] == ["–", "–"]


@pytest.mark.parametrize(("width", "heads"), [
    (120, ["job", "state", "verb", "model", "tries", "age", "took", "came of it"]), (80, ["job", "state", "verb", "age", "came of it"]),
    (66, ["job", "state", "verb", "came of it"]), (50, ["job", "state", "verb"]),
])  # fmt: skip
def test_what_came_of_it_is_left_out_last(monkeypatch: pytest.MonkeyPatch, width: int, heads: list[str]) -> None:
    monkeypatch.setattr(show, "console", lambda: Console(width=width))
    assert [str(column.header) for column in jobs_table([chores.chore()]).columns] == heads


PARTS = [
    {"name": "2026-01.csv", "rows": 1_200, "fresh": 1_000, "known": 190, "removed": 4, "duplicates": 6, "refused": "", "evidence": ""},
    {"name": "02\x1b.csv", "rows": 9, "fresh": 0, "known": 0, "removed": 0, "duplicates": 0, "refused": "unit_change",
     "evidence": "02\x1b.csv: the values of 'price' are about 100 times those of the known rows."},
]  # fmt: skip
VERSIONS = [
    {"number": 10, "recipe": "linear", "status": "ready", "metrics": {"mae": 12.5, "r2": 0.9}, "error": ""},
    {"number": 9, "recipe": "broken", "status": "failed", "metrics": {}, "error": "It raised."},
]
NOTHING = {"rows": 5, "parts": [], "versions": [], "promoted": None, "unchanged": "because there are no rows"}


def training(**told: Any) -> Job:
    result = {"stone": {"rows": 1_000, "parts": PARTS, "versions": VERSIONS, "promoted": 10, "unchanged": ""} | told}
    return trained(result)


def trained(result: Any) -> Job:
    return Job(id=new_id(), at=now_us(), verb="train", state="succeeded", result=result)


@pytest.mark.parametrize(
    ("job", "said"),
    [
        (training(parts=PARTS[:1]), "version 10 answers"), (training(), "version 10 answers, 1 part left out"),
        (training(promoted=None, parts=[]), "versions 9, 10 made"), (trained({"stone": NOTHING}), "nothing new"),
        (training(promoted=None, versions=[], parts=PARTS[1:] * 2), "2 parts left out"),
        (trained({"a": NOTHING, "b": NOTHING | {"promoted": 3}}), "a: nothing new; b: version 3 answers"),
        (trained({"odd": 1}), "–"), (chores.chore(state="succeeded", result={"by": "x"}), "–"),
        (chores.chore(state="failed", code="data_invalid", error="No."), "data_invalid"), (chores.chore(state="canceled"), "–"),
    ],
)  # fmt: skip
def test_what_came_of_a_job_is_said_in_a_few_words(job: Job, said: str) -> None:
    assert came_of(job) == said


def test_a_training_is_told_by_its_parts_its_versions_and_what_was_decided(capsys: pytest.CaptureFixture[str]) -> None:
    one_job(training(), as_json=False, log_only=False)
    said = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert "stone: 1,000 rows" in lines
    assert "2026-01.csv 1,200 1,000 190 4 6 –" in lines
    assert "02\\x1b.csv was left out: the values of 'price' are about 100 times those of the known rows." in lines
    assert "10 linear 12.50 0.9000 ● took over" in lines
    assert "9 broken – – failed It raised." in lines
    assert lines[-1] == "Version 10 was given the word."
    assert "{" not in said
    assert "\x1b" not in said


def test_where_nothing_changed_the_reason_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    one_job(trained({"stone": NOTHING}), as_json=False, log_only=False)
    assert capsys.readouterr().out.endswith("Who answers did not change, because there are no rows.\n")


def test_any_other_result_is_json_of_one_thing_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    one_job(chores.chore(state="succeeded", result={"by": "x" * 300, "n": [1]}), as_json=False, log_only=False)
    said = capsys.readouterr().out
    assert f'  "by": "{"x" * 300}",\n' in said
    assert '  "n": [\n    1\n  ]\n}\n' in said


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
