"""The verb "shadow": versions are asked, after the fact, what others were asked, and what they say is kept beside it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

from assay.app.experiments.asking import Asking, Said
from assay.clock import ticks_us
from assay.domain.job import Job
from assay.domain.releases.shadow import TOO_FAR_BEHIND, TOO_LATE, Shadow
from assay.errors import LeaseLost
from assay.store.paging import first_id
from assay.store.record.questions import Heard, keep
from assay.store.releases.shadows import Course, move

if TYPE_CHECKING:
    from assay.app import Assay

# A prediction's id is made when it is answered, and the answer may be as long in being committed as a turn to write may
# be in coming and a commit in being answered, ten seconds each: until then a mark must not pass it.
AGED_US = 20_000_000
BATCH, BATCH_OF_RECORDINGS = 256, 8
COUNTED_AT_ONCE = 5_000
BUDGET_S = 60.0  # of one job: then others have their turn
TURN = 0.01  # of the time that shadows may keep others from writing to SQLite, which one process at a time can do
LONGEST_PAUSE_S = 2.0


class Hearing(Protocol):
    """Whoever wants to know how far it is."""

    def at(self, stage: str, done: int, total: int) -> None: ...


def shadow(assay: Assay, job: Job, report: Hearing) -> dict[str, int]:
    """What the job does for its model; how many questions were asked, and how many skipped."""
    return Shadowing(assay, str(job.model), report).run()


class Shadowing:
    """Follows every shadow of a model as far as the record reaches that nobody adds to any more.

    What came of a batch and the mark behind it are kept in one transaction: whoever is killed at any moment has left
    nothing out and done nothing twice.
    """

    def __init__(self, assay: Assay, model: str, report: Hearing, *, aged_us: int = AGED_US) -> None:
        self._assay = assay
        self._model = model
        self._report = report
        self._aged_us = aged_us
        self._behind_us = int(assay.settings.shadow_behind_s * 1e6)
        self._marked = "no-mark" not in assay.settings.unsafe
        self._until = ticks_us() + int(BUDGET_S * 1e6)
        self._asked = self._skipped = 0

    def run(self) -> dict[str, int]:
        """Until all is done that can be, or the time is over; raises LeaseLost or StoreUnavailable.

        Whoever has waited longest has the first turn: one that takes all the time must not keep the others from theirs.
        """
        for one in sorted(self._assay.shadows.open(self._model), key=lambda one: one.shadow.at):
            if ticks_us() < self._until:
                # read after the clock: those before it may have taken a minute, in which this one may have been ended
                now = self._assay.shadows.now()
                course = self._assay.shadows.course(one.rollout, one.shadow.version)
                self._follow(course, now)
        self._report.at("done", self._asked + self._skipped, self._asked + self._skipped)
        return {"asked": self._asked, "skipped": self._skipped}

    def _follow(self, course: Course, now: int) -> None:
        high = reach(course, now - self._aged_us)
        mark = begun = self._leave_behind(course, min(high, first_id(now - self._behind_us)))
        asking = Asking(self._assay, self._model, mark.version)
        try:
            while mark.upto < high and ticks_us() < self._until:
                heard = self._assay.questions.between(self._model, mark.upto, high, self._batch(asking))
                said = asking.ask(heard.questions, course.rollout.experiment)
                mark = self._keep(course, mark, heard, said)
                done = self._asked + self._skipped
                self._report.at(f"version {mark.version}", done, done + 1)
        finally:
            asking.close()
        if not self._marked and mark.upto != begun.upto:
            with self._assay.database.writing() as connection:
                move(connection, begun, mark)

    def _leave_behind(self, course: Course, horizon: str) -> Shadow:
        """Passes by what is too old, rather than coming ever later."""
        mark = course.shadow
        while mark.upto < horizon:
            heard = self._assay.questions.between(self._model, mark.upto, horizon, COUNTED_AT_ONCE)
            mark = self._keep(course, mark, heard, Said(skipped={TOO_FAR_BEHIND: len(heard.questions)}))
        return mark

    def _keep(self, course: Course, mark: Shadow, heard: Heard, said: Said) -> Shadow:
        skipped = {name: count for name, count in said.skipped.items() if count}
        after = mark.moved(heard.upto, self._assay.shadows.now(), asked=len(said.rows), skipped=skipped)
        if heard.upto == course.end:
            after = self._closed(course, after)
        with self._assay.database.writing() as connection:
            began = ticks_us()
            if self._marked and not move(connection, mark, after):
                raise LeaseLost("Another process has asked this shadow meanwhile.")
            keep(connection, said.rows)
        self._give_way(ticks_us() - began)
        self._asked += after.asked - mark.asked
        self._skipped += after.skipped - mark.skipped
        return after

    def _give_way(self, held_us: int) -> None:
        """Whoever records an answer in SQLite waits for nothing else than our turn: so we seldom have it."""
        if self._assay.database.kind == "sqlite":
            time.sleep(min(held_us / 1e6 / TURN, LONGEST_PAUSE_S))

    def _closed(self, course: Course, mark: Shadow) -> Shadow:
        """At the end of all, what was recorded behind the mark, as by a process that was stopped in between, is not forgotten."""
        every = self._assay.questions.count(self._model, first_id(course.rollout.at), mark.upto)
        late = every - mark.asked - mark.skipped
        return mark.moved(mark.upto, mark.at, skipped={TOO_LATE: late}) if late > 0 else mark

    def _batch(self, asking: Asking) -> int:
        return BATCH_OF_RECORDINGS if asking.hears else BATCH


def reach(course: Course, aged: int) -> str:
    """The id before which everything is recorded that the shadow is to be asked."""
    high = first_id(aged)
    return high if course.end is None else min(high, course.end)


def told(shadow: Shadow) -> dict[str, Any]:
    """How far a shadow is, in figures."""
    return {"version": shadow.version, "asked": shadow.asked, "skipped": shadow.skipped, "reasons": shadow.reasons}
