"""How far each version is with a collection, why it is no further, and when it will be done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from assay.app.items.outlook import VERB, Outlook, Task
from assay.domain.items.collection import Items
from assay.domain.items.reading import Progress
from assay.domain.items.score import Sweep
from assay.domain.job import Job
from assay.store.items.failures import Reason
from assay.store.paging import Window

if TYPE_CHECKING:
    from assay.app import Assay

MOST_ARRIVED = 10_000


class State(msgspec.Struct, frozen=True, kw_only=True):
    """Of `wanted` live items, `scored` have a set of the version, `failing` rest after a failure, and `left` are to be done.

    `rate` is items a second, while it was at work; `expected_at` (microseconds) is told while a job runs.
    """

    collection: str
    model: str
    version: int
    run: int
    decision: int
    stands: bool
    wanted: int
    scored: int
    left: int
    failing: int
    reasons: list[Reason]
    sweep: Sweep | None
    job: Job | None
    rate: float | None = None
    expected_at: int | None = None


def states(assay: Assay, collection: Items) -> list[State]:
    """One for each version that answers for each model of the collection. Looks at each live item in an index."""
    outlook = Outlook(assay)
    found = []
    for model in collection.models:
        job = working(assay, model.name)
        tasks = [task for task in outlook.tasks(model.name) if task.work.collection == collection.name]
        found += [_state(assay, task, job) for task in tasks]
    return found


def progress(assay: Assay, collection: Items) -> list[Progress]:
    """The same in brief, as `Items.sweep` has it."""
    return [
        Progress(
            model=one.model, version=one.version, items=one.wanted, scored=one.scored, failed=one.failing, run=one.run,
            began_at=one.sweep.at if one.sweep is not None else None,
            finished_at=one.sweep.finished_at if one.sweep is not None and not one.left else None,
        )
        for one in states(assay, collection)
    ]  # fmt: skip


def working(assay: Assay, model: str) -> Job | None:
    """The job that scores the model's items, or is to do so; None where there is none."""
    newest = assay.jobs.page(Window(limit=1), verb=VERB, model=model).entries
    return newest[0] if newest and not newest[0].ended else None


def _state(assay: Assay, task: Task, job: Job | None) -> State:
    wanted, left = _counts(assay, task)
    work, sweep = task.work, task.sweep
    reasons = assay.failures.reasons(work.collection, work.model, work.version)
    failing = min(sum(one.items for one in reasons), max(wanted - left, 0))  # not those of an earlier share
    rate = sweep.scored / (sweep.spent_us / 1e6) if sweep is not None and sweep.scored and sweep.spent_us else None
    running = job is not None and job.state == "running" and left and rate
    return State(
        **work._asdict(), decision=task.rollout.sequence, stands=task.stands, wanted=wanted, left=left, failing=failing,
        scored=max(wanted - left - failing, 0), reasons=reasons, sweep=sweep, job=job, rate=rate,
        expected_at=assay.sweeps.now() + int(left / rate * 1e6) if running and rate else None,
    )  # fmt: skip


def _counts(assay: Assay, task: Task) -> tuple[int, int]:
    """How many items are the version's, and how many of them have neither a set nor a failure."""
    work, sweep = task.work, task.sweep
    if sweep is None or sweep.decision != task.rollout.sequence:  # nobody has counted them
        counted = assay.remaining.count(work, task.chooses if task.shared else None)
        return counted.wanted, counted.pending
    came = sum(map(task.chooses, assay.remaining.arrived(work.collection, sweep.seen, MOST_ARRIVED)))
    wanted = sweep.wanted + came if task.shared else assay.remaining.live(work.collection)
    return wanted, min(sweep.pending + came, wanted)
