"""One version's way through the items that wait for it: decoded ahead, asked together, kept in groups."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from assay.clock import new_id, now_us, ticks_us
from assay.domain.items.score import Score, Sweep
from assay.errors import (
    AssayError,
    BadOutput,
    ModelFailed,
    ModelTimedOut,
    Overloaded,
    RemoteModelBadAnswer,
    RemoteModelRefused,
    RemoteModelResting,
)  # fmt: skip
from assay.serving.engines.compiled import Floats
from assay.serving.loaded import LoadedVersion
from assay.serving.predict import SECONDS_AT_ONCE, detect, detects, listen
from assay.store.databases.checkpointing import checkpoint
from assay.store.items.failures import Failed
from assay.store.items.groups import Group
from assay.store.items.remaining import Waiting

if TYPE_CHECKING:
    from assay.app import Assay

ITEMS_AT_ONCE = 16
MOST_IN_A_GROUP = 64
GROUP_US = 1_000_000  # readers wait no longer for what is known
CHECKPOINT_EVERY = 16  # groups
FAILURES_IN_A_ROW = 10
LONG_S = 600
OF_MODELS = (ModelFailed, ModelTimedOut, Overloaded)
OF_ITEMS = (RemoteModelRefused, RemoteModelBadAnswer)  # kinds of the former, of which the next item may be free
Heard = Callable[[int], None]
Batch = list[tuple[Waiting, Floats]]
Answers = tuple[Sequence[Floats], int]
UnderWay = tuple[Batch, Future[Answers]]


class VersionRests(Exception):
    """The version itself cannot be asked now, whatever the item; `cause` says why."""

    def __init__(self, cause: AssayError) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Basket:
    """Sets and failures on their way into the store, a group a transaction; `heard` is told how many items were in it."""

    def __init__(self, assay: Assay, version: LoadedVersion, sweep: Sweep, heard: Heard) -> None:
        self.scored = self.failed = 0
        self._assay = assay
        self._version = version
        self._sweep = sweep
        self._heard = heard
        self._sets: list[Score] = []
        self._failed: list[Failed] = []
        self._took_us = self._groups = 0
        self._kept_at = ticks_us()

    def add(self, item: Waiting, confidences: Floats, took_us: int) -> None:
        """One complete set, float32 [seconds, labels]."""
        self._took_us += took_us
        work = self._sweep
        self._sets.append(
            Score(
                id=new_id(), at=now_us(), item=item.item, model=work.model, version=work.version, run=work.run,
                seconds=len(confidences), labels=self._version.contract.target.labels,
                confidences=confidences.astype("<f4", copy=False).tobytes(), took_us=took_us,
            )
        )  # fmt: skip

    def fail(self, item: Waiting, code: str, error: str, *, of_model: bool = False) -> None:
        """That there is none."""
        self._failed.append(Failed(item.item, code, error, of_model))

    def keep(self, *, at_once: bool = True) -> None:
        """Keeps what there is; not `at_once`, only if it is enough or has waited. Raises LeaseLost or StoreUnavailable."""
        count, spent_us = len(self._sets) + len(self._failed), ticks_us() - self._kept_at
        if not count or not (at_once or count >= MOST_IN_A_GROUP or spent_us >= GROUP_US):
            return
        group = Group(
            sweep=self._sweep.id, model=self._sweep.model, version=self._sweep.version, sets=tuple(self._sets),
            failed=tuple(self._failed), took_us=self._took_us, spent_us=spent_us,
        )  # fmt: skip
        self._kept_at += spent_us
        kept = self._assay.groups.add(group)
        self.scored += kept.scored
        self.failed += kept.failed
        self._sets, self._failed, self._took_us = [], [], 0
        self._groups += 1
        if self._groups % CHECKPOINT_EVERY == 0:
            checkpoint(self._assay.database)
        self._heard(count)


class Scoring:
    """Asks for what is upcoming. While the model works, the next items are gathered and the sets before are kept.

    `careful`, an item is marked as failed before it is asked, and asked alone: one that ends this process, and all others
    of its kind, is left out the next time.
    """

    def __init__(
        self, assay: Assay, version: LoadedVersion, upcoming: Iterable[Waiting], basket: Basket, *, careful: bool
    ) -> None:  # fmt: skip
        self._assay = assay
        self._version = version
        self._upcoming = upcoming
        self._basket = basket
        self._careful = careful
        self._in_a_row = 0

    def run(self) -> None:
        """Until there is nothing left; raises VersionRests, LeaseLost or StoreUnavailable."""
        batches = self._told() if detects(self._version) else self._heard()
        under_way: UnderWay | None = None
        try:
            with ThreadPoolExecutor(1, "model") as model:
                for batch in batches:
                    if self._careful:
                        self._mark(batch[0][0])
                    before, under_way = under_way, (batch, model.submit(self._ask, batch))
                    if before is not None:
                        self._settle(model, *before)
                    if (
                        self._careful or _seconds(batch) > LONG_S
                    ):  # the next one's windows would be too much beside these
                        self._settle(model, *under_way)
                        under_way = None
                if under_way is not None:
                    self._settle(model, *under_way)
        except VersionRests:
            self._basket.keep()
            raise
        self._basket.keep()

    def _told(self) -> Iterator[Batch]:
        """One item at a time, for a version that is told where the recording is."""
        for item in self._upcoming:
            yield [(item, np.empty((item.seconds, 0), np.float32))]

    def _heard(self) -> Iterator[Batch]:
        """Several short items at once, each with its windows."""
        field = self._version.contract.fields[self._version.contract.audio or ""]
        ahead: deque[Waiting] = deque()
        batch: Batch = []
        for _, heard in self._assay.sounds.ahead(self._digests(ahead), field):
            item = ahead.popleft()
            if isinstance(heard, AssayError):
                self._fail(item, heard)
                continue
            batch.append((item, heard))
            if self._careful or _seconds(batch) >= SECONDS_AT_ONCE or len(batch) >= ITEMS_AT_ONCE:
                yield batch
                batch = []
        if batch:
            yield batch

    def _digests(self, ahead: deque[Waiting]) -> Iterator[str]:
        for item in self._upcoming:
            ahead.append(item)
            yield item.digest

    def _ask(self, batch: Batch) -> Answers:
        """float32 [seconds, labels] each, and how long that took; raises AssayError, whatever the model raised."""
        began = ticks_us()
        try:
            return self._answers(batch), ticks_us() - began
        except AssayError:
            raise
        except Exception as failed:
            raise ModelFailed(f"The model failed: {type(failed).__name__}: {failed}") from failed

    def _answers(self, batch: Batch) -> Sequence[Floats]:
        if detects(self._version):
            ((item, _),) = batch
            return [detect(self._version, item.digest, item.seconds, item.name)]
        for item, windows in batch:
            if len(windows) != item.seconds:
                raise BadOutput(f"{len(windows)} seconds were heard of {item.seconds}.")
        return listen(self._version, [windows for _, windows in batch])

    def _settle(self, model: ThreadPoolExecutor, batch: Batch, answer: Future[Answers]) -> None:
        """Keeps what was said; where several were asked and it failed, each is asked alone, so that one harms only itself."""
        try:
            found, took_us = answer.result()
        except AssayError as failed:
            if len(batch) == 1:
                self._fail(batch[0][0], failed)
                return
            for one in batch:
                self._settle(model, [one], model.submit(self._ask, [one]))
            return
        seconds = sum(len(one) for one in found)
        for (item, _), confidences in zip(batch, found, strict=True):
            self._basket.add(item, confidences, took_us * len(confidences) // max(seconds, 1))
        self._in_a_row = 0
        self._basket.keep(at_once=self._careful)

    def _mark(self, item: Waiting) -> None:
        self._basket.fail(item, "worker_lost", "The process ended that scored it.", of_model=True)
        self._basket.keep()

    def _fail(self, item: Waiting, failed: AssayError) -> None:
        """Raises VersionRests where it is not the item's fault, or too many have failed one after the other."""
        if isinstance(failed, RemoteModelResting):
            raise VersionRests(failed)
        of_model = isinstance(failed, OF_MODELS) and not isinstance(failed, OF_ITEMS)
        self._basket.fail(item, failed.code, str(failed), of_model=of_model)
        self._basket.keep(at_once=False)
        self._in_a_row += of_model
        if self._in_a_row >= FAILURES_IN_A_ROW:
            raise VersionRests(failed)


def _seconds(batch: Batch) -> int:
    return sum(len(windows) for _, windows in batch)
