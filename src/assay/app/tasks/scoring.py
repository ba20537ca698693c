"""Answers the tasks of a batch in one vectorised call a version, and finds those that a failure is the fault of."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from assay.domain.given.task import Order
from assay.domain.prediction import Prediction
from assay.domain.releases.rollout import Rollout
from assay.errors import ArtifactRejected, AssayError, ModelFailed, NothingReleased, StoreUnavailable, VersionRejected
from assay.serving.loaded import LoadedVersion
from assay.serving.served import Answered, answer
from assay.store.work.claiming import Batch, Claimed, Ended
from assay.store.work.leases import WORKER_LOST

if TYPE_CHECKING:
    from assay.app import Assay

MOST_LOADED = 8
LONGEST_ERROR = 4_096
PAUSE_S = 5.0  # times the attempts, where a version cannot be loaded
_order = msgspec.json.Decoder(Order).decode
_encode = msgspec.json.Encoder().encode


class Asked(NamedTuple):
    """A task that was read: by whom it is to be answered, in which experiment, and its questions."""

    job: Claimed
    order: Order
    version: LoadedVersion
    experiment: str | None
    questions: list[Any]
    single: bool


class Scoring:
    """`do` is what is done with a batch of tasks. The versions that answered last stay loaded."""

    def __init__(self, assay: Assay) -> None:
        self._assay = assay
        self._loaded: OrderedDict[tuple[str, int], LoadedVersion] = OrderedDict()
        self._gate = Lock()

    def do(self, batch: Batch) -> Iterator[list[Ended]]:
        """What became of the tasks, part by part; raises StoreUnavailable."""
        refused: list[Ended] = []
        groups: dict[tuple[int, str | None], list[Asked]] = {}
        versions: dict[int, LoadedVersion | AssayError] = {}
        for job in batch.jobs:
            order = _order(job.arguments)
            try:
                asked = self._read(batch, job, order, versions)
            except (StoreUnavailable, MemoryError):
                raise
            except (ArtifactRejected, NothingReleased) as absent:
                refused.append(_later(job, order, absent))
            except AssayError as failed:
                refused.append(failed_task(job, order, failed.code, str(failed)))
            else:
                groups.setdefault((asked.version.number, asked.experiment), []).append(asked)
        if refused:
            yield refused
        for group in groups.values():
            yield from _answered(group)

    def close(self) -> None:
        """Ends the processes of models that have one."""
        for version in self._loaded.values():
            version.engine.close()

    def _read(
        self, batch: Batch, job: Claimed, order: Order, versions: dict[int, LoadedVersion | AssayError]
    ) -> Asked:  # fmt: skip
        """Raises what the version's reader raises, or why there is no version to ask."""
        if job.attempts > job.max_attempts:
            raise WorkerLost(job.max_attempts)
        number, experiment = _choice(batch.rollout, order)
        if number is None:
            raise NothingReleased(batch.model or "")
        if number not in versions:  # one that cannot be loaded is not tried again for each task
            try:
                versions[number] = self._at_hand(batch.model or "", number)
            except StoreUnavailable:
                raise
            except AssayError as refused:
                versions[number] = refused
        version = versions[number]
        if isinstance(version, AssayError):
            raise version
        questions, single = version.reader.read(bytes(order.questions))
        return Asked(job, order, version, experiment, questions, single)

    def _at_hand(self, model: str, number: int) -> LoadedVersion:
        with self._gate:
            found = self._loaded.get((model, number))
            if found is not None:
                self._loaded.move_to_end((model, number))
                return found
        version = self._assay.versions.find(model, number)
        if version.status != "ready":
            raise VersionRejected(f"Version {number} is {version.status} and cannot answer.")
        loaded = self._assay.loader.load(version)
        with self._gate:
            self._loaded[model, number] = loaded
            if len(self._loaded) > MOST_LOADED:
                self._loaded.popitem(last=False)
        return loaded


class WorkerLost(AssayError, code=WORKER_LOST):
    """Whoever did it was lost as often as it may be begun."""

    def __init__(self, times: int) -> None:
        super().__init__(f"its worker was lost {'once' if times == 1 else f'{times} times'}")


def failed_task(job: Claimed, order: Order, code: str, error: str) -> Ended:
    """The end of a task that was not answered."""
    return Ended(
        id=job.id, told="failed", code=code, error=error[:LONGEST_ERROR], notice=notice_of(job, order)
    )  # fmt: skip


def notice_of(job: Claimed, order: Order) -> dict[str, Any] | None:
    """What is to be told to whom, where somebody wants to be told of the end."""
    return None if order.webhook is None else {"task": job.id, "url": order.webhook}


def _later(job: Claimed, order: Order, absent: AssayError) -> Ended:
    """There is no version to ask at the moment, of which the task is not the cause."""
    if job.attempts >= job.max_attempts:
        return failed_task(job, order, absent.code, str(absent))
    return Ended(id=job.id, told="again", code=absent.code, error=str(absent), pause_s=PAUSE_S * job.attempts)


def _choice(rollout: Rollout | None, order: Order) -> tuple[int | None, str | None]:
    """Which version is to answer, if there is one, and in which experiment."""
    if order.version is not None or rollout is None:
        return order.version, None
    if not rollout.arms or rollout.mode != "split":
        return rollout.version, None
    subject = order.subject if order.subject is not None else bytes(order.questions).decode()
    return rollout.choose(subject), rollout.experiment


def _answered(group: Sequence[Asked], *, doomed: bool = False) -> Iterator[list[Ended]]:
    """One call for all; where that fails, one for each half, until it is known whose fault it is.

    A group is `doomed` where the fault must be in it: it is not asked as a whole.
    """
    if not doomed or len(group) == 1:
        try:
            given = answer(group[0].version, [asked.questions for asked in group])
        except Exception as failed:  # noqa: BLE001 - a model may raise anything, and only its own tasks are to fail
            if len(group) == 1:
                yield [_failed(group[0], failed)]
                return
        else:
            yield [_succeeded(asked, part) for asked, part in zip(group, given, strict=True)]
            return
    middle, well = len(group) // 2, True
    for part in _answered(group[:middle]):
        well = well and all(one.told == "succeeded" for one in part)
        yield part
    yield from _answered(group[middle:], doomed=well)


def _succeeded(asked: Asked, given: Answered) -> Ended:
    order, model, number = asked.order, given.version.model, given.version.number
    answers = [
        Prediction(id=id, model=model, version=number, prediction=value)
        for id, value in zip(given.ids, given.values, strict=True)
    ]
    whole = bytes(order.questions).decode() if asked.single else ""
    questions = [whole] if asked.single else [_encode(question).decode() for question in asked.questions]
    return Ended(
        id=asked.job.id, told="succeeded", result=_encode(answers[0] if asked.single else answers).decode(),
        answers=given.rows(questions, order.exchange, asked.experiment), notice=notice_of(asked.job, order),
    )  # fmt: skip


def _failed(asked: Asked, failed: Exception) -> Ended:
    error = failed if isinstance(failed, AssayError) else ModelFailed(f"The model failed: {type(failed).__name__}.")
    return failed_task(asked.job, asked.order, error.code, str(error))
