"""Asks versions for their answers to the control set, all on the same inputs, and takes the time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.app.evidence import sentence
from assay.app.watching.labelled import ControlSet
from assay.clock import ticks_us
from assay.domain.model import Model
from assay.errors import AssayError, BadOutput, LeaseLost, StoreUnavailable
from assay.watching.answers import Answers, Evidence

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from assay.app import Assay
    from assay.serving.loaded import LoadedVersion

SECONDS_AT_ONCE = 64  # of a recording, as when it is served
ROWS_AT_ONCE = 1_000
GIVEN_UP = 5  # questions in a row without an answer, after which no more are asked
STAGE = "control set"
Progress = Callable[[str, int, int], None]


@dataclass
class Side:
    """One version that is asked, and what it has answered so far."""

    loaded: LoadedVersion
    own: bool
    told: list[Any] = field(default_factory=list)
    failed: dict[int, str] = field(default_factory=dict)
    took_ms: list[float] = field(default_factory=list)
    _in_a_row: int = 0

    def ask(self, places: Sequence[int], rows: int, question: Callable[[], Any]) -> None:
        """Asks once for inputs at these places, which have so many rows together."""
        labels = len(self.loaded.contract.target.labels)
        try:
            if self._in_a_row >= GIVEN_UP:
                raise BadOutput(f"It was not asked any more, after {GIVEN_UP} failures in a row.")
            began = ticks_us()
            found = np.asarray(question(), np.float32)
            took = ticks_us() - began
            if found.shape != (rows, labels):
                raise BadOutput(f"It gave confidences of shape {found.shape}, and {(rows, labels)} was asked for.")
        except (LeaseLost, StoreUnavailable):
            raise
        except AssayError as failed:
            self._in_a_row += 1
            self.failed.update(dict.fromkeys(places, sentence(failed)))
            self.told.append(np.full((rows, labels), np.nan, np.float32))
        else:
            self._in_a_row = 0
            self.took_ms.append(took / 1000 / rows)
            self.told.append(found)

    def answers(self) -> Answers:
        """All that it has answered."""
        labels = len(self.loaded.contract.target.labels)
        return Answers(
            version=self.loaded.number, told=np.concatenate([np.empty((0, labels), np.float32), *self.told]),
            failed=self.failed, took_ms=self.took_ms, own=self.own,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What was found out; `unheard` are the recordings of the control set that nobody could hear, each with the reason."""

    evidence: Evidence
    unheard: dict[str, str]


def ask(
    assay: Assay, model: Model[Any], control: ControlSet, sides: Sequence[Side], progress: Progress | None = None
) -> Asked:
    """Asks every side (the version that is looked at, and perhaps the one before it) for all of the control set.

    What a version cannot answer is noted and no error; after a few failures in a row it is asked no more.
    """
    if model.contract.audio is None:
        return _of_rows(model, control, sides, progress)
    return _of_recordings(assay, model, control, sides, progress)


def _of_recordings(
    assay: Assay, model: Model[Any], control: ControlSet, sides: Sequence[Side], progress: Progress | None
) -> Asked:
    from assay.training.lesson import timed

    labels = sides[0].loaded.contract.target.labels
    known = tuple(dict.fromkeys((*labels, *model.labels)))
    truth: list[NDArray[np.bool_]] = []
    units: list[NDArray[np.intp]] = []
    names: list[str] = []
    unheard: dict[str, str] = {}
    audio = model.contract.audio or ""
    for done, (digest, target) in enumerate(control.rows.select(audio, model.target).iter_rows()):
        if progress is not None:
            progress(STAGE, done, control.rows.height)
        try:
            heard = [_heard(assay, side.loaded, digest) for side in sides]
        except (LeaseLost, StoreUnavailable):
            raise
        except AssayError as failed:
            unheard[control.names[done]] = sentence(failed)
            continue
        seconds = len(heard[0])
        for side, windows in zip(sides, heard, strict=True):
            side.ask([len(names)], seconds, _question(side.loaded, digest, windows))
        truth.append(timed(target, known, seconds)[:, : len(labels)])
        units.append(np.full(seconds, len(names)))
        names.append(control.names[done])
    joined = np.concatenate([np.empty((0, len(labels)), np.bool_), *truth])
    places = np.concatenate([np.empty(0, np.intp), *units]).astype(np.intp)
    return Asked(evidence=_evidence(sides, tuple(names), places, joined, sound=True), unheard=unheard)


def _of_rows(model: Model[Any], control: ControlSet, sides: Sequence[Side], progress: Progress | None) -> Asked:
    from assay.training.lesson import lesson

    rows = control.rows
    labels = sides[0].loaded.contract.target.labels
    known = {label: place for place, label in enumerate(model.labels)}
    truth = lesson(model, rows).truth.astype(np.bool_)
    for begin in range(0, rows.height, ROWS_AT_ONCE):
        if progress is not None:
            progress(STAGE, begin, rows.height)
        part = rows[begin : begin + ROWS_AT_ONCE]
        for side in sides:
            side.ask(range(begin, begin + part.height), part.height, _rows_asked(side.loaded, part))
    mine = np.stack(
        [truth[:, known[one]] if one in known else np.zeros(len(truth), np.bool_) for one in labels], axis=1
    )
    return Asked(evidence=_evidence(sides, control.names, np.arange(rows.height), mine, sound=False), unheard={})


def _rows_asked(loaded: LoadedVersion, part: pl.DataFrame) -> Callable[[], Any]:
    columns = part.select(list(loaded.contract.fields)).to_dict(as_series=False)
    return lambda: loaded.engine.run(columns)


def _evidence(
    sides: Sequence[Side], names: tuple[str, ...], units: NDArray[np.intp], truth: NDArray[np.bool_], *, sound: bool
) -> Evidence:
    target = sides[0].loaded.contract.target
    return Evidence(
        labels=target.labels, threshold=target.threshold, names=names, units=units, truth=truth, sound=sound,
        mine=sides[0].answers(), theirs=sides[1].answers() if len(sides) > 1 else None,
    )  # fmt: skip


def _heard(assay: Assay, loaded: LoadedVersion, digest: str) -> NDArray[np.float32]:
    return assay.sounds.windows(digest, loaded.contract.fields[loaded.contract.audio or ""])


def _question(loaded: LoadedVersion, digest: str, windows: NDArray[np.float32]) -> Callable[[], Any]:
    from assay.serving.predict import detect, detects

    if detects(loaded):
        return lambda: detect(loaded, digest, len(windows))
    audio = loaded.contract.audio or ""
    parts = [windows[begin : begin + SECONDS_AT_ONCE] for begin in range(0, len(windows), SECONDS_AT_ONCE)]
    return lambda: np.concatenate([loaded.engine.run({audio: part}) for part in parts])
