"""The switch: every process that answers has the version loaded and proved, and only then one row gives it the word."""

from __future__ import annotations

import os
import platform
import time
from typing import TYPE_CHECKING

from assay.clock import boot_clock, now_us, ticks_us
from assay.domain.releases.rollout import Rollout
from assay.errors import PromotionOvertaken, VersionNotReady
from assay.store.database import Database
from assay.store.releases import preparations as table
from assay.store.releases import rollouts
from assay.store.releases.preparations import Preparation, Preparations
from assay.store.releases.processes import Processes, WebProcess

if TYPE_CHECKING:
    from collections.abc import Collection

LOOK_S = 0.02
OVERTIME_US = 10_000_000


class Switch:
    """Two phases, as in two-phase commit (Gray 1978): prepare everywhere, then decide once, in one transaction.

    A process that cannot load the version keeps all the others from switching. One that dies, or falls silent for six
    seconds, is not waited for: when it comes back it loads who rules then.
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
        """Gives the word to the rollout's version; raises PromotionInProgress, PromotionOvertaken or VersionNotReady.

        With `override` a promotion that is under way is given up for this one. `instead_of` is the id of the decision
        that must still rule when this one is made.
        """
        if not self._prepare:
            with self._database.writing() as connection:
                self._database.tell(connection)
                return rollouts.append(connection, rollout, instead_of)
        who = (platform.node(), boot_clock()[0], os.getpid())
        preparation = self._preparations.propose(
            rollout.model, rollout.version, by=rollout.by, who=who, left=lambda one: override or self._left(one)
        )
        try:
            return self._decide(preparation, rollout, instead_of)
        except BaseException as failed:
            self._preparations.abort(preparation.id, f"{type(failed).__name__}: {failed}")
            raise

    def _left(self, open_one: Preparation) -> bool:
        """Whether nobody will end it any more: its promoter is gone, or has been at it for longer than it may."""
        gone = open_one.host == platform.node() and not (open_one.boot == boot_clock()[0] and _exists(open_one.pid))
        return gone or open_one.at < now_us() - self._patience_us - OVERTIME_US

    def answering(self) -> list[WebProcess]:
        """The processes that a promotion waits for."""
        here, boot = platform.node(), boot_clock()[0]
        return [
            one for one in self._processes.heard_of()
            if one.host != here or (one.boot == boot and _exists(one.pid))
        ]  # fmt: skip

    def _decide(self, preparation: Preparation, rollout: Rollout, instead_of: str | None) -> Rollout:
        until = ticks_us() + self._patience_us
        while True:
            waiting = self._waiting(preparation, self.answering())
            if not waiting:
                # the turn to write is ours: who joins from now on reads the decision
                with self._database.writing() as connection:
                    if not self._waiting(preparation, self.answering()):
                        if not table.settle(connection, preparation.id, "committed", ""):
                            raise PromotionOvertaken(rollout.model, rollout.version)
                        self._database.tell(connection)
                        return rollouts.append(connection, rollout, instead_of)
            elif ticks_us() > until:
                pids = ", ".join(str(one.pid) for one in waiting)
                raise VersionNotReady(rollout.version, f"process {pids} did not get it ready in time")
            time.sleep(LOOK_S)

    def _waiting(self, preparation: Preparation, answering: Collection[WebProcess]) -> list[WebProcess]:
        said = self._preparations.acknowledged(preparation.id)
        refused = [(one, said[one.id]) for one in answering if said.get(one.id)]
        if refused:
            one, error = refused[0]
            raise VersionNotReady(preparation.version, f"process {one.pid} could not load it: {error}")
        return [one for one in answering if one.id not in said]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
