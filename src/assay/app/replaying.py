"""Replay: recorded questions are asked of the versions that answered them, and the answers compared byte for byte."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from assay.domain.answer import text_of
from assay.domain.model import Model
from assay.errors import AssayError, ModelTimedOut, PredictionNotFound, StoreUnavailable
from assay.serving.predict import predict
from assay.store.record.predictions import Asked, first_id

if TYPE_CHECKING:
    from assay.app import Assay
    from assay.serving.loaded import LoadedVersion

BATCH = 1_000
FIRST_DIFFERENCES = 100
MOST_LOADED = 4
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """One answer given again: the texts of the question, of the answer as recorded, and of the one computed now."""

    id: str
    version: int
    question: str
    recorded: str
    recomputed: str

    @property
    def equal(self) -> bool:
        """Whether both answers are the same, byte for byte."""
        return self.recorded == self.recomputed


@dataclass
class Tally:
    """What a replay came to. `cannot` counts answers whose version could not be asked, by version and reason.

    `first` are the first hundred differences.
    """

    equal: int = 0
    different: int = 0
    cannot: dict[int, tuple[int, str]] = field(default_factory=dict)
    first: list[Replayed] = field(default_factory=list)

    @property
    def done(self) -> int:
        """How many answers were looked at."""
        return self.equal + self.different + sum(count for count, _ in self.cannot.values())

    def take(self, found: list[Replayed]) -> None:
        """Counts answers given again."""
        different = [one for one in found if not one.equal]
        self.equal += len(found) - len(different)
        self.different += len(different)
        self.first += different[: FIRST_DIFFERENCES - len(self.first)]

    def give_up(self, version: int, count: int, reason: str) -> None:
        """Counts answers that cannot be given again."""
        before, _ = self.cannot.get(version, (0, ""))
        self.cannot[version] = (before + count, reason)


def replay(assay: Assay, model: Model[Any], prediction: str) -> Replayed:
    """Asks the version that gave this answer the same question again, the same way.

    Raises PredictionNotFound, and what loading and asking the version raise.
    """
    found = assay.predictions.find(prediction)
    if found is None or found.model != model.name:
        raise PredictionNotFound(prediction, model.name)
    asked = Asked(found.id, found.version, bytes(found.question).decode(), bytes(found.answer).decode())
    return _again(assay.loader.load(assay.versions.find(model.name, found.version)), [asked])[0]


def replay_since(
    assay: Assay, model: Model[Any], since: int, limit: int | None = None, on_progress: Progress | None = None
) -> Tally:
    """Asks again all questions on the model since a time in microseconds, the oldest first, at most `limit`.

    Questions are asked in batches of a thousand: a version answers each as it would alone. `on_progress` hears how many
    are done, and of how many. Raises StoreUnavailable.
    """
    after = first_id(since)
    total = assay.predictions.count(model.name, after=after)
    total = total if limit is None else min(total, limit)
    tally, versions = Tally(), _Versions(assay, model.name)
    waiting: dict[int, list[Asked]] = {}
    batch, read = min(BATCH, assay.settings.max_rows), 0
    while read < total:
        page = assay.predictions.asked(model.name, after=after, limit=min(batch, total - read))
        if not page:
            break
        read, after = read + len(page), page[-1].id
        for one in page:
            waiting.setdefault(one.version, []).append(one)
        for number in [number for number, some in waiting.items() if len(some) >= batch]:
            _ask(versions, number, waiting.pop(number), tally)
        if on_progress is not None:
            on_progress(tally.done, total)
    for number, some in waiting.items():
        _ask(versions, number, some, tally)
    if on_progress is not None:
        on_progress(tally.done, total)
    return tally


class _Versions:
    """The few versions that were needed last, loaded; and why others cannot be."""

    def __init__(self, assay: Assay, model: str) -> None:
        self._assay = assay
        self._model = model
        self._loaded: OrderedDict[int, LoadedVersion] = OrderedDict()
        self.broken: dict[int, str] = {}

    def get(self, number: int) -> LoadedVersion | None:
        """The version of this number; None where it cannot be asked, and `broken` then says why."""
        if number not in self._loaded and number not in self.broken:
            try:
                self._loaded[number] = self._assay.loader.load(self._assay.versions.find(self._model, number))
            except StoreUnavailable:
                raise
            except AssayError as refused:
                self.broken[number] = str(refused)
            if len(self._loaded) > MOST_LOADED:
                self._loaded.popitem(last=False)
        if number in self.broken:
            return None
        self._loaded.move_to_end(number)
        return self._loaded[number]


def _ask(versions: _Versions, number: int, asked: list[Asked], tally: Tally) -> None:
    """Asks some questions of one version; where it fails at them together, one by one."""
    loaded = versions.get(number)
    if loaded is None:
        tally.give_up(number, len(asked), versions.broken[number])
        return
    try:
        tally.take(_again(loaded, asked))
    except ModelTimedOut as hung:
        versions.broken[number] = str(hung)  # nobody waits for it a thousand times
        tally.give_up(number, len(asked), str(hung))
    except (
        AssayError,
        TypeError,
        ValueError,
        AttributeError,
    ) as failed:  # the latter of a record that was tampered with
        if len(asked) == 1:
            said = str(failed) if isinstance(failed, AssayError) else "the record of this answer cannot be read"
            tally.give_up(number, 1, said)
        else:
            for one in asked:
                _ask(versions, number, [one], tally)


def _again(loaded: LoadedVersion, asked: list[Asked]) -> list[Replayed]:
    """The answers that the version gives now, in the text that the record keeps."""
    body = "[" + ",".join([one.question for one in asked]) + "]"
    questions, _ = loaded.reader.read(body.encode())
    values = predict(loaded, questions)
    return [
        Replayed(id=one.id, version=one.version, question=one.question, recorded=one.answer, recomputed=text_of(value))
        for one, value in zip(asked, values, strict=True)
    ]
