"""Gives every due slot of the schedules its job, however many processes do the same at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog

from assay.clock import iso, new_ids, now_us
from assay.domain.job import Job
from assay.jobs.schedule import Schedule
from assay.store.work.schedules import Known, Schedules

MOST_CAUGHT_UP = 1_000
MOST_LISTED = 100
MOST_WAITING = 20
ABSURD_US = 2 * 86_400_000_000
log = structlog.get_logger("assay")


class Scheduler:
    """`look` is a duty: cheap while nothing is due, and harmless however often and by whomever it is called."""

    def __init__(self, schedules: Schedules, told: Sequence[Schedule], *, max_attempts: int = 3) -> None:
        self._schedules = schedules
        self._told = tuple(told)
        self._max_attempts = max_attempts

    def look(self) -> list[Job]:
        """Makes the jobs of the slots that are due now, and returns those that this process made."""
        return [job for schedule in self._told for job in self._make(schedule, self._schedules.now())]

    def _make(self, schedule: Schedule, now: int) -> list[Job]:
        known = self._schedules.meet(schedule.name, schedule.rule, now)
        last = known.since if known.slot is None else known.slot
        limit = MOST_CAUGHT_UP + 1
        if last > now + ABSURD_US:  # a clock that was far ahead left its mark: from now on, each slot still has one key
            last, limit = known.since, 1
        due = schedule.due(last, now, limit)
        # slots that come faster than their jobs are done are gathered, once so many wait
        if not due or (schedule.missed == "coalesce" and self._schedules.waiting(schedule.name) >= MOST_WAITING):
            return []
        if schedule.missed == "catch_up":
            return self._catch_up(schedule, known, due)
        others = [iso(slot) for slot in due[:-1][-MOST_LISTED:]]
        return self._schedules.give(known, due[-1], self._jobs(schedule, due[-1:], missed=others))

    def _catch_up(self, schedule: Schedule, known: Known, due: list[int]) -> list[Job]:
        made = self._schedules.give(known, due[-1], self._jobs(schedule, due[-MOST_CAUGHT_UP:]))
        if made and len(due) > MOST_CAUGHT_UP:
            log.warning("slots_left_out", schedule=schedule.name, caught_up=len(made), oldest=iso(due[1]))
        return made

    def _jobs(self, schedule: Schedule, slots: Sequence[int], **more: Any) -> list[Job]:
        at = now_us()
        return [
            Job(
                id=id, at=at, verb=schedule.verb, model=schedule.model, key=f"schedule:{schedule.name}:{slot // 1_000_000}",
                arguments={"slot": iso(slot), **more}, by=f"schedule {schedule.name}", max_attempts=self._max_attempts,
            )
            for id, slot in zip(new_ids(len(slots)), slots, strict=True)
        ]  # fmt: skip
