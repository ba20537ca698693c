"""A sweep in this process is a job like any other: seen by all, canceled by anybody, and done by one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.app import Assay
from assay.app.items.asking import sweep
from assay.app.items.foreground import watched
from assay.app.items.outlook import BUDGET, VERB
from assay.errors import ApplicationInvalid, LeaseLost
from assay.store.items.sweeps import Work
from assay.store.paging import Window
from tests import stamped

DONE = {"scored": 0, "failed": 0, "moved": 0, "ended": "done"}


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    with stamped.opened(tmp_path / "home", lease_s=0.6) as opened:
        stamped.keep(opened, range(8))
        stamped.rule(opened, 1)
        yield opened


def watch(assay: Assay, heard: Any = None) -> dict[str, Any]:
    return watched(assay, stamped.MODEL, "me", heard or (lambda *_: None))


def states(assay: Assay) -> list[str]:
    return [one.state for one in assay.jobs.page(Window(), verb=VERB).entries]


def test_it_is_done_here_and_told(assay: Assay) -> None:
    told: list[tuple[str, int, int]] = []
    assert watch(assay, lambda *how: told.append(how)) == DONE | {"scored": 8}
    assert ("version 1", 8, 8) in told
    (job,) = assay.jobs.page(Window(), verb=VERB).entries
    assert (job.state, job.by, job.result) == ("succeeded", "me", DONE | {"scored": 8})
    assert assay.database.fence is None
    assert watch(assay) == DONE


def test_whoever_cancels_it_ends_it(assay: Assay) -> None:
    def cancel(*_: Any) -> None:
        (job,) = assay.jobs.page(Window(), verb=VERB).entries
        assay.jobs.cancel(job.id, "somebody")
        time.sleep(1)

    assert watch(assay, cancel)["ended"] == "canceled"
    assert states(assay) == ["canceled"]


def test_an_interruption_ends_it(assay: Assay) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watch(assay, interrupt)
    assert states(assay) == ["canceled"]
    assert watch(assay)["scored"] == 8


def test_whoever_has_lost_it_writes_nothing_more(assay: Assay) -> None:
    def lose(*_: Any) -> None:
        (job,) = assay.jobs.page(Window(), verb=VERB).entries
        with assay.database.engine.begin() as connection:  # type: ignore[attr-defined]  # both kinds have one
            connection.exec_driver_sql(f"UPDATE jobs SET token = 'another' WHERE id = '{job.id}'")

    with pytest.raises(LeaseLost):
        watch(assay, lose)
    assert assay.remaining.count(stamped_work()).pending == 8


def stamped_work() -> Any:
    return Work(stamped.COLLECTION, stamped.MODEL, 1)


def test_one_that_a_worker_does_is_followed(assay: Assay) -> None:
    job = sweep(assay, stamped.MODEL, "somebody")
    claimed = assay.jobs.claim("a worker", (VERB,), 60)
    assert claimed is not None
    token = claimed.token or ""
    told: list[tuple[str, int, int]] = []

    def work() -> None:
        time.sleep(0.3)
        assay.jobs.report(job.id, token, stage="version 1", done=3, total=8)
        time.sleep(1)
        result = {"scored": 3, "failed": 1, "moved": 0, "ended": BUDGET}
        with assay.database.writing() as connection:
            assay.jobs.finish(connection, job.id, token, state="succeeded", result=result)

    worker = threading.Thread(target=work)
    worker.start()
    found = watch(assay, lambda *how: told.append(how))
    worker.join()
    assert ("version 1", 3, 8) in told
    assert found == {"scored": 3 + 8, "failed": 1, "moved": 0, "ended": "done"}, "what was left is done here"


def test_one_whose_worker_is_lost_is_taken_over(assay: Assay) -> None:
    sweep(assay, stamped.MODEL, "somebody")
    assert assay.jobs.claim("a worker", (VERB,), 0.5) is not None
    assert watch(assay)["scored"] == 8
    (job,) = assay.jobs.page(Window(), verb=VERB).entries
    assert (job.state, job.attempts) == ("succeeded", 2)


def test_one_that_fails_says_why(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ApplicationInvalid("model.py is broken")

    monkeypatch.setattr("assay.app.items.outlook.Outlook.tasks", lambda *_: broken())
    with pytest.raises(ApplicationInvalid):
        watch(assay)
    assert states(assay) == ["failed"]
