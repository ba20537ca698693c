"""What a worker looks for again and again: items to score, fresh rows, due slots, versions that break their promise, old things."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from assay.app.experiments.listening import Listening
from assay.app.items.deleting import Deleting
from assay.app.items.outlook import Outlook
from assay.app.items.watching import WatchedPlace
from assay.app.record.retaining import Retaining
from assay.app.watching.looking import ControlWatch
from assay.clock import new_id, now_us
from assay.domain.job import Job
from assay.domain.releases.gate import Gate
from assay.errors import DataInvalid, DatasetNotFound
from assay.jobs.schedule import schedules_of
from assay.jobs.scheduler import Scheduler
from assay.sources.audio.labelled import Labelled
from assay.sources.looks import fingerprint

if TYPE_CHECKING:
    from assay.app import Assay

NAMED = "dataset:"
YOUNG_US = 2 * 86_400_000_000  # no guard stands longer than a day
log = structlog.get_logger("assay")


@dataclass(frozen=True)
class Young:
    """A model whose ruling version has not ruled for long, and the gate that the version was made for."""

    name: str
    gate: Gate


class Duties:
    """Each is derived from the tables and from what is there: a restart needs no memory of what was going on."""

    def __init__(self, assay: Assay) -> None:
        self._assay = assay
        settings = assay.settings
        self._scheduler = Scheduler(
            assay.schedules, schedules_of(settings.schedules), max_attempts=settings.max_attempts
        )
        self._outlook = Outlook(assay)
        self._control = ControlWatch(assay)
        self._listening = Listening(assay)
        self._retaining = Retaining(assay)
        self._watched = WatchedPlace(assay)
        self._deleting = Deleting(assay)
        self._labelled = Labelled()
        self._unguarded = -1
        self._gates: dict[str, Gate] = {}  # by the decision; a manifest never changes
        self._trouble = ""
        self._waiting = False
        self._seen = ""
        self._asked = ""

    def all(self) -> list[Callable[[], object]]:
        """What is to be called at every look."""
        looks: list[Callable[[], object]] = [self.look_for_items, self.look_for_rows, self._scheduler.look, self.guard]
        looks += [self._watched.look, self._deleting.clear, self._control.look, self._listening.look]
        return [*looks, self._retaining.look]

    def look_for_items(self) -> None:
        """Makes a job for each model whose answering versions have not scored all kept items, as soon as that is so."""
        self._outlook.look()

    def look_for_rows(self) -> None:
        """Makes a job to train where the watched place holds something that nobody has trained on.

        Only what two looks in a row have found alike counts: a file may still be growing. Its digest is the job's key,
        so that any number of workers makes one job of it. The place itself is no argument of the job: an address may
        hold a password, and jobs are told over HTTP.
        """
        place = self._assay.settings.data
        if place is None:
            return
        try:
            found = self._fingerprint(place) or ""
        except DataInvalid as failed:
            if str(failed) != self._trouble:  # once, and not at every look
                log.warning("rows_not_looked_at", reason=str(failed))
            self._trouble = str(failed)
            return
        self._trouble = ""
        if not found and not self._waiting and not self._watched.collection:
            log.info("no_rows_yet", todo="files ending in .csv, .parquet, .jsonl or .ndjson count, once they are whole")
        self._waiting = not found
        settled, self._seen = found == self._seen, found
        if not found or not settled or found == self._asked:
            return
        name = place.removeprefix(NAMED) if place.startswith(NAMED) else None
        model = None if name is None else self._assay.uploads.find(name).model
        made = Job(
            id=new_id(), at=now_us(), verb="train", model=model, key=f"fresh:{found}", by="fresh rows",
            arguments={} if name is None else {"dataset": name}, max_attempts=self._assay.settings.max_attempts,
        )  # fmt: skip
        if self._assay.jobs.add(made).id == made.id:
            log.info("fresh_rows", job=made.id)
        self._asked = found

    def guard(self) -> None:
        """Takes back what does not keep what it promised, by the rules that each version carries with it."""
        from assay.app.guarding import watch

        newest = self._assay.rollouts.newest()
        if newest == self._unguarded:
            return
        young = [found for name in self._assay.versions.models() if (found := self._young(name))]
        if not young:
            self._unguarded = newest
            return
        watch(
            self._assay, young,
            lambda model, reason, decision: self._assay.rollback(
                model, by="assay guard", reason=reason, instead_of=decision
            ),
        )  # fmt: skip

    def _young(self, model: str) -> Young | None:
        """The model with the gate of its ruling version, if that has not ruled for long."""
        rollout = self._assay.rollouts.ruling(model)
        if rollout is None or now_us() - rollout.at > YOUNG_US:
            return None
        if rollout.id not in self._gates:
            version = self._assay.versions.find(model, rollout.version)
            self._gates = {rollout.id: self._assay.loader.manifest(version).gate or Gate()}
        return Young(model, self._gates[rollout.id])

    def _fingerprint(self, place: str) -> str | None:
        if place.startswith(NAMED):
            return self._uploaded(place.removeprefix(NAMED))
        if self._watched.collection:
            return self._labelled.look(place)
        return fingerprint(place, self._assay.settings.query)

    def _uploaded(self, name: str) -> str | None:
        """The newest of a named dataset's parts says it all: they are only ever appended."""
        try:
            parts = self._assay.uploads.parts(name)
        except DatasetNotFound:
            return None
        return parts[-1].id if parts else None
