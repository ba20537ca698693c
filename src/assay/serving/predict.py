"""The one room that every prediction passes, whoever asks and for whatever reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from assay.domain.answer import DECIMALS, Answer, told
from assay.errors import BadOutput
from assay.serving.engines.compiled import Floats
from assay.serving.loaded import LoadedVersion

SECONDS_AT_ONCE = 64  # of recordings: many enough for the engine, few enough for the memory


def predict(version: LoadedVersion, questions: list[Any]) -> list[Answer]:
    """One finished answer a question: in the target's unit, or the confidence in each label.

    Numbers, and labels of anything but recordings, are answered in one vectorised call. Raises BadOutput where the model
    answers with something else than a finite number a row, or confidences in [0, 1]; ModelFailed or ModelTimedOut; of
    recordings what `confidences` raises.
    """
    target = version.contract.target
    if target.labels:
        heard = confidences(version, questions)
        if version.contract.audio is None:  # all of the same shape
            return [told(one, target.labels) for one in np.round(np.array(heard, np.float64), DECIMALS).tolist()]
        return [told(np.round(one.astype(np.float64), DECIMALS).tolist(), target.labels) for one in heard]
    found = version.engine.run(version.columns(questions))
    if len(found) != len(questions):
        raise BadOutput(f"The model gave {len(found)} answers to {len(questions)} questions.")
    if not np.isfinite(found).all():
        raise BadOutput("The model gave an answer that is not a finite number.")
    return [*target.finish(found.tolist())]


def confidences(version: LoadedVersion, questions: Sequence[Any]) -> list[Floats]:
    """The confidences for each question, float32 [labels], or [seconds, labels] of a recording; NaN: nothing was told.

    Raises BadOutput, ModelFailed or ModelTimedOut; QuestionInvalid where a recording is not kept here, and AudioRejected
    where it cannot be heard.
    """
    audio = version.contract.audio
    if audio is None:
        found = version.engine.run(version.columns(list(questions)))
        return list(_checked(version, found, len(questions)))
    return [_of_recording(version, getattr(question, audio)) for question in questions]


def listen(version: LoadedVersion, windows: Sequence[Floats]) -> list[Floats]:
    """The confidences for recordings that are decoded already, float32 [seconds, samples] each: [seconds, labels] each."""
    joined = windows[0] if len(windows) == 1 else np.concatenate(windows) if windows else np.empty((0, 0), np.float32)
    found = np.concatenate([*_in_chunks(version, joined)]) if len(joined) else joined
    ends = np.cumsum([len(one) for one in windows])
    return np.split(found, ends[:-1]) if windows else []


def detects(version: LoadedVersion) -> bool:
    """Whether the version is told where a recording is, instead of hearing it second by second."""
    return hasattr(version.engine, "detect")


def detect(version: LoadedVersion, digest: str, seconds: int, name: str = "") -> Floats:
    """What such a version tells of a recording with so many whole seconds: [seconds, labels], NaN: nothing was told."""
    asked: Any = version.engine
    return _checked(version, asked.detect(version.located(digest), seconds, name=name), seconds, whole=False)


def _of_recording(version: LoadedVersion, digest: str) -> Floats:
    if not detects(version):
        return listen(version, [version.heard(digest)])[0]
    return detect(version, digest, version.seconds(digest))


def _in_chunks(version: LoadedVersion, windows: Floats) -> Iterator[Floats]:
    audio = version.contract.audio or ""
    for start in range(0, len(windows), SECONDS_AT_ONCE):
        part = windows[start : start + SECONDS_AT_ONCE]
        yield _checked(version, version.engine.run({audio: part}), len(part))


def _checked(version: LoadedVersion, found: Floats, rows: int, *, whole: bool = True) -> Floats:
    """Confidences as float32 [rows, labels]; not `whole`, some may be NaN."""
    shape = (rows, len(version.contract.target.labels))
    if found.shape != shape:
        raise BadOutput(f"The model gave confidences of shape {found.shape}, and {shape} was asked for.")
    silent = np.isnan(found)
    if whole and silent.any():
        raise BadOutput("The model left out a confidence.")
    if not ((found >= 0) & (found <= 1) | silent).all():
        raise BadOutput("The model gave a confidence that is not between 0 and 1.")
    return found.astype(np.float32, copy=False)
