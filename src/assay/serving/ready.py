"""Versions that are loaded before they answer, and this process's word on that: the first phase of every promotion."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import structlog

from assay.clock import new_id, now_us, ticks_us
from assay.domain.version import Version
from assay.errors import AssayError, StoreUnavailable
from assay.serving.loaded import LoadedVersion
from assay.store.releases.preparations import Preparation, Preparations
from assay.store.releases.processes import BEAT_US, Processes, WebProcess, here

log = structlog.get_logger("assay")
Load = Callable[[Version], LoadedVersion]
Find = Callable[[str, int], Version]


class Ready:
    """What one process has at hand of each model beside who answers: the version before, and those being prepared.

    `serving` gives a version that answers already, and so need not be loaded once more.
    """

    def __init__(self, find: Find, load: Load, preparations: Preparations, processes: Processes) -> None:
        self._find = find
        self._load = load
        self._preparations = preparations
        self._processes = processes
        host, boot = here()
        self._me = WebProcess(
            id=new_id(), host=host, boot=boot, pid=os.getpid(), started_at=now_us(), seen_at=now_us()
        )  # fmt: skip
        self._beaten = 0
        self._seen = -1
        self._gate = threading.Lock()
        self._loading: set[str] = set()
        self._left: set[str] = set()  # preparations that were found ended at the last look
        self._prepared: dict[str, list[LoadedVersion]] = {}  # by the preparation's id
        self.serving: Callable[[str, int], LoadedVersion | None] = lambda _model, _number: None
        self._before: dict[str, LoadedVersion] = {}  # by model: the way back needs no loading

    def look(self) -> None:
        """A sign of life when one is due, and a thread for each version that is to be prepared. Raises StoreUnavailable.

        Loading has threads of its own, so that a slow version never delays following what has been decided.
        """
        if not self._beaten:
            self._processes.join(self._me)
        if ticks_us() - self._beaten > BEAT_US:
            if self._beaten:
                self._processes.beat(self._me)
            self._beaten = ticks_us()
        newest = self._preparations.newest()
        if newest == self._seen and not self._prepared and not self._loading:
            return
        wanted = {one.id: one for one in self._preparations.open()}
        self._seen = newest
        with self._gate:
            ended = {one for one in self._prepared if one not in wanted}
            for gone in ended & self._left:  # at the first of the two looks it is taken, where it ended well
                del self._prepared[gone]
            self._left = ended - self._left
            fresh = [one for one in wanted.values() if one.id not in self._prepared and one.id not in self._loading]
            self._loading |= {one.id for one in fresh}
        for one in fresh:
            threading.Thread(target=self._prepare, args=(one,), daemon=True, name=f"prepare {one.version}").start()

    def take(self, model: str, number: int) -> LoadedVersion | None:
        """The version, if it is at hand."""
        with self._gate:
            held = [*(one for each in self._prepared.values() for one in each), *self._before.values()]
        at_hand = next((one for one in held if (one.model, one.number) == (model, number)), None)
        return at_hand or self.serving(model, number)

    def switched(self, before: LoadedVersion) -> None:
        """Holds on to the version that has just been replaced."""
        with self._gate:
            self._before[before.model] = before

    def leave(self) -> None:
        """No promotion waits for this process any more."""
        try:
            self._processes.leave(self._me.id)
        except StoreUnavailable as failed:  # it is not waited for once it has been silent for a while
            log.warning("process_not_signed_off", reason=str(failed))

    def _prepare(self, preparation: Preparation) -> None:
        model, several = preparation.model, len(preparation.wanted) > 1
        loaded, error, number = [], "", 0
        try:
            for number in preparation.wanted:
                loaded.append(self.take(model, number) or self._load(self._find(model, number)))
            with self._gate:
                self._prepared[preparation.id] = loaded
        except AssayError as refused:
            error = str(refused)
        except Exception as failed:  # noqa: BLE001 - whatever it was, the promotion must hear of it
            error = f"{type(failed).__name__}: {failed}"
        if error and several:
            error = f"version {number}: {error}"
        try:
            self._preparations.acknowledge(preparation.id, self._me.id, error)
        except StoreUnavailable as failed:  # the next look tries again
            log.warning("preparation_not_acknowledged", version=preparation.version, reason=str(failed))
            self._seen = -1
            with self._gate:
                self._prepared.pop(preparation.id, None)
        finally:
            with self._gate:
                self._loading.discard(preparation.id)
