"""The switch: every process that answers has the version loaded and proved, and only then one row gives it the word."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from assay.clock import now_us, ticks_us
from assay.domain.releases.rollout import Rollout
from assay.errors import PromotionOvertaken, VersionNotReady
from assay.store.database import Database
from assay.store.releases import preparations as table
from assay.store.releases import rollouts
from assay.store.releases.preparations import Preparation, Preparations
from assay.store.releases.processes import SILENT_US, Processes, WebProcess, exists, here

if TYPE_CHECKING:
    from collections.abc import Collection

LOOK_S = 0.02
OVERTIME_US = 10_000_000
LONG_US = 500_000  # a turn to write that took so long in coming was kept by somebody, and not by us alone
KEPT_US = 10_000_000  # for so long at most
SPEAK_US = 3_000_000  # within which whoever lives gives a sign of life, once he can write


class Switch:
    """Two phases, as in two-phase commit (Gray 1978): prepare everywhere, then decide once, in one transaction.

    A process that cannot load the version keeps all the others from switching. One that dies, or falls silent for six
    seconds although it could have spoken, is not waited for: when it comes back it loads who rules then.
    """

    def __init__(
        self, database: Database, preparations: Preparations, processes: Processes, *, patience_s: float = 60.0,
        prepare: bool = True,
    ) -> None:  # fmt: skip
        self._database = database
        self._preparations = preparations
        self._processes = processes
        self._patience_us = int(patience_s * 1e6)
        self._prepare = prepare

    def to(self, rollout: Rollout, *, override: bool = False, instead_of: str | None = None) -> Rollout:
        """Gives the word to the rollout's version, or to its arms.

        With `override` a promotion that is under way is given up for this one. `instead_of` is the id of the decision
        that must still rule when this one is made. Raises PromotionInProgress, PromotionOvertaken or VersionNotReady.
        """
        if not self._prepare:
            with self._database.writing() as connection:
                return rollouts.decide(self._database, connection, rollout, instead_of)
        preparation = self._preparations.propose(
            rollout.model, rollout.version, by=rollout.by, who=(*here(), os.getpid()), versions=rollout.answering,
            left=lambda one: override or self._left(one),
        )  # fmt: skip
        try:
            return self._decide(preparation, rollout, instead_of)
        except BaseException as failed:
            self._preparations.abort(preparation.id, f"{type(failed).__name__}: {failed}")
            raise

    def answering(self, *, hearing: bool = False) -> list[WebProcess]:
        """The processes that a promotion waits for; while `hearing`, those too that may have been kept from speaking."""
        known = self._processes.heard_of(SILENT_US + KEPT_US if hearing else SILENT_US)
        return [one for one in known if not self._gone(one)]

    def _left(self, open_one: Preparation) -> bool:
        """Whether nobody will end it any more: its promoter is gone, or has been at it for longer than it may."""
        return self._gone(open_one) or open_one.at < now_us() - self._patience_us - OVERTIME_US

    def _gone(self, one: WebProcess | Preparation) -> bool:
        """Whether we know that it is; of a process elsewhere only its silence tells."""
        host, boot = here()
        if (one.host, one.boot) == (host, boot):
            return not exists(one.pid)
        # an SQLite file is on one machine, whose earlier starts are over
        return self._database.kind == "sqlite" and _start(one.boot) != _start(boot)

    def _decide(self, preparation: Preparation, rollout: Rollout, instead_of: str | None) -> Rollout:
        until = ticks_us() + self._patience_us
        hearing_until = ticks_us() + SPEAK_US
        while True:
            asked = ticks_us()
            hearing = asked < hearing_until
            waiting = self._waiting(preparation, self.answering(hearing=hearing))
            if not waiting:
                # the turn to write is ours: who joins from now on reads the decision
                with self._database.writing() as connection:
                    if ticks_us() - asked > LONG_US:
                        hearing_until = ticks_us() + SPEAK_US
                    elif not self._waiting(preparation, self.answering(hearing=hearing)):
                        if not table.settle(connection, preparation.id, "committed", ""):
                            raise PromotionOvertaken(rollout.model, rollout.version)
                        return rollouts.decide(self._database, connection, rollout, instead_of)
            else:
                self._go_on_waiting(preparation, waiting, until)
            time.sleep(LOOK_S)

    def _go_on_waiting(self, preparation: Preparation, waiting: Collection[WebProcess], until: int) -> None:
        if all(one.id != preparation.id for one in self._preparations.open()):  # given up: nobody will get it ready
            raise PromotionOvertaken(preparation.model, preparation.version)
        if ticks_us() > until:
            named = ", ".join(_name(one) for one in waiting)
            raise VersionNotReady(preparation.wanted, f"{named} did not get it ready in time")

    def _waiting(self, preparation: Preparation, answering: Collection[WebProcess]) -> list[WebProcess]:
        said = self._preparations.acknowledged(preparation.id)
        refused = [(one, said[one.id]) for one in answering if said.get(one.id)]
        if refused:
            one, error = refused[0]
            raise VersionNotReady(preparation.wanted, f"{_name(one)} could not load it: {error}")
        return [one for one in answering if one.id not in said]


def _name(one: WebProcess) -> str:
    return f"process {one.pid}" if one.host == here()[0] else f"process {one.pid} on {one.host}"


def _start(boot: str) -> str:
    return boot.partition("/")[0]
