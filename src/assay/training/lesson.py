"""A lesson: what an estimator is given to learn from or to be judged on, and what it should answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from assay.domain.model import Model
from assay.domain.question.field import Field, audio_field
from assay.errors import ApplicationInvalid, BadOutput

Hear = Callable[[str, Field], NDArray[np.float32]]
Timed = tuple[str, float, float]  # a label, when it begins and when it ends, in seconds


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """`asked` is a frame of the raw feature columns, or of recordings float32 [seconds, samples], one after the other.

    `truth` is float64 [n], or of labels bool [n, labels]; `row` says from which of the `rows` each of them comes.
    """

    rows: pl.DataFrame
    asked: Any
    truth: NDArray[Any]
    row: NDArray[np.intp]


def lesson(model: Model[Any], rows: pl.DataFrame, hear: Hear | None = None) -> Lesson:
    """The rows as a lesson; `hear` gives the seconds of a recording. Raises whatever it raises."""
    fields = list(model.fields)
    alone = np.arange(rows.height)
    if not model.labels:
        truth = rows[model.target].to_numpy().astype("float64")
        return Lesson(rows=rows, asked=rows.select(fields), truth=truth, row=alone)
    targets = rows[model.target].to_list()
    audio = audio_field(model.fields)
    if audio is None:
        return Lesson(rows=rows, asked=rows.select(fields), truth=_listed(targets, model.labels), row=alone)
    if hear is None:
        raise ApplicationInvalid(f"The recordings of {model.name!r} cannot be heard here.")
    heard = [hear(digest, model.fields[audio]) for digest in rows[audio].to_list()]
    truths = [timed(target, model.labels, len(one)) for target, one in zip(targets, heard, strict=True)]
    empty = np.empty((0, model.fields[audio].samples), np.float32)
    return Lesson(
        rows=rows, asked=np.concatenate([empty, *heard]), row=np.repeat(alone, [len(one) for one in heard]),
        truth=np.concatenate([np.empty((0, len(model.labels)), bool), *truths]),
    )  # fmt: skip


def answers(model: Model[Any], estimator: Any, asked: Any) -> NDArray[np.float64]:
    """float64 [n], or of labels [n, labels]: what the estimator itself answers; raises BadOutput."""
    rows = len(asked)
    if model.labels:
        raw = np.asarray(estimator.predict_proba(asked), dtype=np.float64)
        wanted = (rows, len(model.labels))
        if raw.shape != wanted:
            raise BadOutput(
                f"`predict_proba` gave shape {raw.shape}; a confidence for each row and label has {wanted}."
            )
        if not ((raw >= 0) & (raw <= 1)).all():
            raise BadOutput("`predict_proba` gave a confidence that is not between 0 and 1.")
        return raw
    raw = np.asarray(estimator.predict(asked), dtype=np.float64).reshape(-1)
    if len(raw) != rows or not np.isfinite(raw).all():
        raise BadOutput(f"{rows} rows were asked, and {int(np.isfinite(raw).sum())} finite answers came.")
    return raw


def timed(target: str, labels: Iterable[str], seconds: int) -> NDArray[np.bool_]:
    """bool [seconds, labels]: which label is in which second, told as JSON `[[label, begin, end], …]` in seconds.

    A label is in the second that holds its middle; one whose middle lies beyond the last whole second is in none.
    """
    places = {label: place for place, label in enumerate(labels)}
    found = np.zeros((seconds, len(places)), bool)
    for label, begin, end in msgspec.json.decode(target, type=list[Timed]):
        middle = int((begin + end) / 2)
        if middle < seconds:
            found[middle, places[label]] = True
    return found


def fault_of_target(target: str | None, labels: frozenset[str], *, with_times: bool) -> str | None:
    """What is wrong with what a row says of its labels; None where nothing is."""
    kind: Any = list[Timed] if with_times else list[str]
    shape = "a JSON list of [label, begin, end]" if with_times else "a JSON list of labels"
    try:
        told = msgspec.json.decode(target or "", type=kind)
    except msgspec.DecodeError:
        return f"must be {shape}"
    named = [one[0] for one in told] if with_times else told
    strange = next((label for label in named if label not in labels), None)
    if strange is not None:
        return f"names {strange[:40]!r}, which is no label of the model"
    if with_times and not all(0 <= begin < end < float("inf") for _, begin, end in told):
        return "has a time that ends before it begins"
    return None


def _listed(targets: list[str], labels: Iterable[str]) -> NDArray[np.bool_]:
    places = {label: place for place, label in enumerate(labels)}
    found = np.zeros((len(targets), len(places)), bool)
    for row, target in enumerate(targets):
        for label in msgspec.json.decode(target, type=list[str]):
            found[row, places[label]] = True
    return found
