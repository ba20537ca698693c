"""The versions that one process has at hand: who rules each model, kept in step with the rollouts, and others on demand."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress

import structlog

from assay.errors import AssayError, ModelNotFound, StoreUnavailable, VersionRejected
from assay.serving.loaded import LoadedVersion, Loader
from assay.serving.ready import Ready
from assay.serving.served import Served
from assay.store.releases.rollouts import Rollouts
from assay.store.versions import Versions

MAX_PINNED = 8
log = structlog.get_logger("assay")


class Shelf:
    """Loads the new before it lets go of the old, so that there is always one to answer."""

    def __init__(self, versions: Versions, rollouts: Rollouts, loader: Loader, ready: Ready) -> None:
        self.served: dict[str, Served] = {}
        self.trouble: dict[str, str] = {}
        self._versions = versions
        self._rollouts = rollouts
        self._loader = loader
        self._ready = ready
        self._seen = (-1, 0)
        self._following = threading.Lock()
        self._pinned: OrderedDict[tuple[str, int], LoadedVersion] = OrderedDict()
        self._gate = threading.Lock()

    def add(self, served: Served) -> None:
        """Serves one more model."""
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
            seen = (self._rollouts.newest(), len(self.served))
            if seen == self._seen:
                return
            settled = [self._follow_one(name, served) for name, served in list(self.served.items())]
            if all(settled):
                self._seen = seen

    def _follow_one(self, name: str, served: Served) -> bool:
        """Whether the matter is settled; a store that fails is asked again at the next look."""
        rollout = self._rollouts.ruling(name)
        if rollout is None:
            return True
        if served.ruling is not None and served.ruling.number == rollout.version:
            self.trouble.pop(name, None)
            return True
        before = served.ruling
        try:
            at_hand = self._ready.take(name, rollout.version)
            served.switch(at_hand or self._loader.load(self._versions.find(name, rollout.version)))
        except StoreUnavailable as failed:
            log.warning("version_not_read", model=name, version=rollout.version, reason=str(failed))
            return False
        except AssayError as refused:
            self.trouble[name] = str(refused)
            log.error("version_not_loaded", model=name, version=rollout.version, reason=str(refused))
        else:
            self.trouble.pop(name, None)
            if before is not None:
                self._ready.switched(before)
            log.info("version_answers", model=name, version=rollout.version)
        return True

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
                log.warning("rollouts_not_read", reason=str(failed), kind=type(failed).__name__)

    def leave(self) -> None:
        """Nobody waits for this process any more."""
        self._ready.leave()

    def pinned(self, model: str, number: int) -> LoadedVersion:
        """A version by its number, ruling or not; raises VersionNotFound, VersionRejected or ArtifactRejected."""
        served = self.find(model)
        if served.ruling is not None and served.ruling.number == number:
            return served.ruling
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
