"""The versions that one process has at hand: who rules each model, kept in step with the rollouts, and others on demand."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import structlog

from assay.clock import boot_clock
from assay.domain.releases.rollout import Rollout
from assay.errors import AssayError, ModelNotFound, StoreUnavailable, VersionRejected
from assay.outages import Outage
from assay.serving.loaded import LoadedVersion, Loader
from assay.serving.ready import Ready
from assay.serving.served import FRESH_US, Served
from assay.store.files.quarantine import check_room
from assay.store.releases.rollouts import Rollouts
from assay.store.versions import Versions

MAX_PINNED = 8
PATIENCE_S = 5.0
LOOK_S = 2.0
ROOM_US = 50_000  # the reserve lasts for longer
log = structlog.get_logger("assay")


class Look(threading.Thread):
    """A look at who rules by somebody who cannot wait for ever: a database may take a question and never answer it."""

    def __init__(self, ask: Callable[[], Rollout | None], at: int) -> None:
        super().__init__(name="look", daemon=True)
        self.at = at
        self._ask = ask
        self._found: Rollout | None = None
        self._failed: AssayError | None = None
        self.start()

    def run(self) -> None:
        """Asks once."""
        try:
            self._found = self._ask()
        except AssayError as failed:
            self._failed = failed

    def outcome(self, now: int) -> Rollout | None:
        """Who rules; raises StoreUnavailable where that is not known within two seconds of the beginning."""
        self.join(max(0.0, LOOK_S - (now - self.at) / 1e6))
        if self.is_alive():
            raise StoreUnavailable("The store does not say who rules.")
        if self._failed is not None:
            raise StoreUnavailable(str(self._failed))
        return self._found


class Shelf:
    """Loads the new before it lets go of the old, so that there is always one to answer."""

    def __init__(self, versions: Versions, rollouts: Rollouts, loader: Loader, ready: Ready) -> None:
        self.served: dict[str, Served] = {}
        self.trouble: dict[str, str] = {}
        self.record_at: Path | None = None  # the folder that the record grows in, where it is on a disk of this machine
        self._versions = versions
        self._rollouts = rollouts
        self._loader = loader
        self._ready = ready
        self._seen = (-1, 0)
        self._room_at = 0
        self._following = threading.Lock()
        self._unread = Outage("rollouts_not_read")
        self._pinned: OrderedDict[tuple[str, int], LoadedVersion] = OrderedDict()
        self._gate = threading.Lock()
        self._looks: dict[str, Look] = {}  # of each lane, the newest
        ready.serving = self._serving

    def add(self, served: Served) -> None:
        """Serves one more model."""
        served.confirm = self.confirm
        self.served[served.model] = served

    def find(self, model: str) -> Served:
        """The served model; raises ModelNotFound."""
        if model not in self.served:
            raise ModelNotFound(model)
        return self.served[model]

    def refresh(self) -> None:
        """Follows the rollouts; a version that cannot be loaded changes nothing but `trouble`."""
        with self._following:  # a model may join while another is being loaded
            self._ready.look()  # first: whoever promotes waits for a process that it could have counted
            at = boot_clock()[1]
            known = list(self.served.items())
            seen = (self._rollouts.newest(), len(known))
            if seen == self._seen:
                for _, served in known:
                    served.looked(at)
                return
            settled = [self._follow_one(name, served) for name, served in known]
            if all(settled):
                self._seen = seen

    def confirm(self, served: Served) -> None:
        """Looks who rules, unless that was done just now; raises StoreUnavailable, or StorageFull."""
        at = boot_clock()[1]
        if at - self._room_at > ROOM_US:
            self.check_room()
            self._room_at = at
        if at - served.looked_at < FRESH_US:
            return
        look = self._looks.get(served.model)
        if look is None or not look.is_alive():
            look = self._looks[served.model] = Look(partial(self._rollouts.ruling, served.model), at)
        rollout = look.outcome(at)
        if rollout is None or served.decision == rollout.id:
            served.looked(look.at)
            return
        if not self._following.acquire(timeout=PATIENCE_S):
            raise StoreUnavailable("This process was away, and is still loading the version that rules now.")
        try:
            if not self._follow_one(served.model, served):
                raise StoreUnavailable("This process was away, and cannot read the version that rules now.")
        finally:
            self._following.release()

    def check_room(self) -> None:
        """Raises StorageFull where so little is left that it is kept for refusals, deletions and an orderly end."""
        if self.record_at is None:
            return
        try:
            check_room(self.record_at, 0)
        except OSError as failed:
            raise StoreUnavailable(f"The folder of the record cannot be looked at: {failed.strerror}.") from failed

    def _follow_one(self, name: str, served: Served) -> bool:
        """Whether the matter is settled; a store that fails is asked again at the next look."""
        at = boot_clock()[1]
        rollout = self._rollouts.ruling(name)
        settled = rollout is None or self._switch(served, rollout)
        if settled:
            served.looked(at)
        return settled

    def _switch(self, served: Served, rollout: Rollout) -> bool:
        name, before = served.model, served.ruling
        if served.decision == rollout.id:
            self.trouble.pop(name, None)
            return True
        try:
            versions = {
                number: self._ready.take(name, number) or self._loader.load(self._versions.find(name, number))
                for number in rollout.answering
            }
        except StoreUnavailable as failed:
            log.warning("version_not_read", model=name, version=rollout.version, reason=str(failed))
            return False
        except AssayError as refused:
            self.trouble[name] = str(refused)
            log.error("version_not_loaded", model=name, version=rollout.version, reason=str(refused))
            return True
        self.trouble.pop(name, None)
        served.follow(rollout, versions)
        if before is not None and before.number != rollout.version:
            self._ready.switched(before)
        told = {} if rollout.experiment is None else {"experiment": rollout.experiment}
        log.info("version_answers", model=name, version=rollout.version, **told)
        return True

    def _serving(self, model: str, number: int) -> LoadedVersion | None:
        served = self.served.get(model)
        return None if served is None else served.loaded(number)

    async def follow(
        self, interval_s: float, join: Callable[[list[str]], None] = lambda _models: None, woken: asyncio.Event | None = None
    ) -> None:  # fmt: skip
        """Refreshes for ever, off the event loop; a store that fails for a while is asked again.

        `join` is told the names of the models that have versions, and adds those that are not served yet. Who is `woken`
        does not wait for the end of the interval.
        """
        woken = woken or asyncio.Event()
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), interval_s)
            woken.clear()
            try:
                join(await asyncio.to_thread(self._versions.models))
                await asyncio.to_thread(self.refresh)
            except Exception as failed:  # noqa: BLE001 - a look that fails must not be the last
                self._unread.failed(str(failed), kind=type(failed).__name__)
            else:
                self._unread.over()

    def leave(self) -> None:
        """Nobody waits for this process any more."""
        self._ready.leave()

    def pinned(self, model: str, number: int) -> LoadedVersion:
        """A version by its number, ruling or not; raises VersionNotFound, VersionRejected or ArtifactRejected."""
        answering = self.find(model).loaded(number)
        if answering is not None:
            return answering
        with self._gate:
            if (model, number) not in self._pinned:
                version = self._versions.find(model, number)
                if version.status != "ready":
                    raise VersionRejected(f"Version {number} is {version.status} and cannot answer.")
                self._pinned[model, number] = self._loader.load(version)
                if len(self._pinned) > MAX_PINNED:
                    self._pinned.popitem(last=False)
            self._pinned.move_to_end((model, number))
            return self._pinned[model, number]
