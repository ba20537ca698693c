"""Every decision about who answers is watched once, and the job `watch` tells what it found of every version that answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.app import Assay
from assay.app.watching.looking import ControlWatch, said, watch_for
from assay.clock import new_id, now_us
from assay.domain.job import Job
from assay.domain.releases.verdict import Check, Verdict
from assay.errors import ApplicationInvalid, NothingReleased
from assay.store.paging import Window
from tests import heard, tiny


class Heard:
    """What a job reports."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.stages: set[str] = set()

    def say(self, line: str) -> None:
        self.lines.append(line)

    def at(self, stage: str, done: int, total: int) -> None:
        self.stages.add(stage)


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    with heard.opened(tmp_path / "home") as opened:
        yield opened


def jobs(assay: Assay) -> list[Job]:
    return assay.jobs.page(Window(), verb="watch").entries


def job(**told: Any) -> Job:
    return Job(id=new_id(), at=now_us(), verb="watch", by="a schedule", **told)


def test_each_decision_has_one_job_whoever_looks_and_how_often(assay: Assay) -> None:
    for look in (ControlWatch(assay), ControlWatch(assay)):  # as after a restart
        for _ in range(3):
            look.look()
    (first,) = jobs(assay)
    assert (first.model, first.key, first.arguments) == ("notes", f"watch:{assay.ruling('notes').id}", {})

    assay.promote("notes", heard.PLAIN, by="somebody")
    assert [one.model for one in ControlWatch(assay).look()] == ["notes"]
    assert len(jobs(assay)) == 2


def test_a_decision_of_long_ago_is_no_news(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.app.watching.looking.now_us", lambda: now_us() + 2 * 86_400_000_000)
    assert ControlWatch(assay).look() == []


def test_a_model_of_numbers_is_not_watched(tmp_path: Path) -> None:
    with tiny.opened(tmp_path / "home") as assay:
        assert ControlWatch(assay).look() == []
        assert watch_for(assay, job(), Heard()) == {}  # type: ignore[arg-type]  # all that it needs of a report
        with pytest.raises(ApplicationInvalid):
            watch_for(assay, job(model="stone"), Heard())  # type: ignore[arg-type]  # as above


def test_the_job_looks_at_who_answers_and_tells_what_it_found(assay: Assay) -> None:
    report = Heard()
    found = watch_for(assay, job(), report)  # type: ignore[arg-type]  # all that it needs of a report

    (verdict,) = assay.verdicts.page("notes", version=heard.DRAWN, kind="control", limit=1)
    assert found == {"notes": {"1": {"verdict": verdict.id, "outcome": "passed", "found": {}}}}
    assert report.lines == ["version 1 of notes: passed"]
    assert report.stages == {"control set"}
    assert verdict.by == "a schedule"

    other = watch_for(assay, job(model="notes", arguments={"version": heard.PLAIN}), Heard())  # type: ignore[arg-type]  # as above
    assert list(other["notes"]) == [str(heard.PLAIN)]


def test_what_is_wrong_is_said_in_lines() -> None:
    checks = (
        Check(name="scale", passed=False, detail="half"), Check(name="shift", passed=True, warned=True, detail="far"),
        Check(name="errors", passed=True, detail="none"),
    )  # fmt: skip
    verdict = Verdict(id="v", at=0, model="notes", version=3, kind="control", outcome="failed", checks=checks)
    assert list(said(verdict)) == ["version 3 of notes: failed", "scale: half", "shift: far"]


def test_nothing_that_answers_is_nothing_to_watch(tmp_path: Path) -> None:
    assay = Assay.at(heard.write(tmp_path / "app"))
    try:
        assert ControlWatch(assay).look() == []
        assert watch_for(assay, job(), Heard()) == {"notes": {}}  # type: ignore[arg-type]  # all that it needs of a report
        with pytest.raises(NothingReleased):
            watch_for(assay, job(model="notes"), Heard())  # type: ignore[arg-type]  # as above
    finally:
        assay.close()
