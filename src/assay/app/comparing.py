"""Compares two versions on the same rows, which neither has learnt from, and says how sure the difference is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assay.app import learning
from assay.app.evidence import answers
from assay.app.learning import kept_rows
from assay.domain.metric import GREATER_IS_BETTER
from assay.domain.model import Model
from assay.domain.version import Version
from assay.errors import DataInvalid, VersionRejected
from assay.measures import resampling
from assay.training.evaluate import judged
from assay.training.lesson import Lesson, lesson
from assay.training.paired import Difference, by_segment, paired
from assay.training.snapshot import take
from assay.training.split import split

if TYPE_CHECKING:
    from assay.app import Assay
    from assay.serving.loaded import LoadedVersion

Floats = NDArray[np.float64]
Standing = Literal["better", "worse", "unclear", "the same", "too few rows"]

MOST_CHANGES = 20
FEWEST = 20  # rows below which an interval of resampled rows is too narrow to be believed


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two versions: who it is, and its metrics on the rows of the comparison, overall and by segment."""

    version: int
    recipe: str
    dataset: str
    metrics: dict[str, float]
    segments: dict[str, dict[str, float]]


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a metric says about the second version: its difference to the first, and that in a word."""

    rows: int
    difference: Difference
    second_is: Standing


@dataclass(frozen=True, kw_only=True)
class Change:
    """A question that the two answer differently, the truth, and the answers as they would be given."""

    question: dict[str, Any]
    truth: float
    first: float
    second: float
    change: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two versions on the same `rows`: of the `source`, or held out when the second was trained where that is None.

    `known` rows were found among those that one of the two has learnt from: held-out rows are then left out, rows of a
    source are not. `set_aside` rows of a source break a rule. `metrics` is by metric, `segments` by segment in the
    model's `metric`; `changes` are the rows that change most, the greatest change first.
    """

    model: str
    metric: str
    unit: str
    first: Side
    second: Side
    source: str | None
    rows: int
    known: int
    set_aside: int
    metrics: dict[str, Found]
    segments: dict[str, Found]
    changes: tuple[Change, ...]


def compare(assay: Assay, model: Model[Any], first: int, second: int, data: Path | None = None) -> Comparison:
    """Compares the version `second` with the version `first`, on all rows of `data` or on held-out rows.

    Both answer by their own engines; they are judged before the floor, as everywhere. Raises VersionNotFound,
    VersionRejected, ArtifactRejected or DataInvalid, or what a model raises.
    """
    versions = assay.versions.find(model.name, first), assay.versions.find(model.name, second)
    loaded = [_loaded(assay, model, version) for version in versions]
    rows, set_aside = _rows(assay, model, versions[1], data)
    fresh = _unknown(assay, model, rows, versions)
    known = rows.height - fresh.height
    if data is None:
        rows = fresh
    if not rows.height:
        said = f"One of the versions {first} and {second} has learnt from each of the {known:,} rows held out"
        raise DataInvalid(f"{said}; name other rows with --data.")
    asked = lesson(model, rows, assay.sounds.windows)
    if model.labels:
        one, other = (learning.answers(assay, model, version, asked) for version in versions)
        overall, segments = _of_labels(model, asked, one, other)
    else:
        one, other = (answers(each, rows) for each in loaded)
        overall = {name: paired(asked.truth, one, other, name) for name in judged(model, asked, one).metrics}
        segments = by_segment(model, rows, one, other)
    sides = [_side(model, version, asked, answered) for version, answered in zip(versions, (one, other), strict=True)]
    sizes = {name: int(found["rows"]) for name, found in sides[0].segments.items()}
    return Comparison(
        model=model.name, metric=model.metric, unit=model.unit, first=sides[0], second=sides[1],
        source=None if data is None else str(data), rows=rows.height, known=known, set_aside=set_aside,
        metrics={name: _found(name, rows.height, found) for name, found in overall.items()},
        segments={name: _found(model.metric, sizes[name], found) for name, found in segments.items()},
        changes=() if model.labels else _changes(rows.select(*model.fields, model.target), loaded, (one, other)),
    )  # fmt: skip


def standing(metric: str, rows: int, found: Difference) -> Standing:
    """What an interval lets anybody say about the second version."""
    if found.low == found.high == 0:
        return "the same"
    if rows < FEWEST:
        return "too few rows"
    if found.low <= 0 <= found.high:
        return "unclear"
    return "better" if (found.value > 0) == GREATER_IS_BETTER[metric] else "worse"


def _found(metric: str, rows: int, difference: Difference) -> Found:
    return Found(rows=rows, difference=difference, second_is=standing(metric, rows, difference))


def _loaded(assay: Assay, model: Model[Any], version: Version) -> LoadedVersion:
    loaded = assay.loader.load(version)
    answered, asked = loaded.contract.target.name, list(loaded.contract.fields)
    lacking = [name for name in asked if name not in model.fields]
    if answered == model.target and not lacking:
        return loaded
    said = f"it asks for {lacking[0]!r}" if lacking else f"it answers with {answered!r}"
    raise VersionRejected(f"Version {version.number} cannot be compared: {said}, which the rows of today do not have.")


def _rows(assay: Assay, model: Model[Any], second: Version, data: Path | None) -> tuple[pl.DataFrame, int]:
    """The rows to be judged on, with the fields and the target, and how many broke a rule."""
    if data is not None:
        snapshot = take(model, learning.rows_of(assay, model, str(data)), str(data), to_judge=True)
        return snapshot.rows.select(*model.fields, model.target), len(snapshot.removed)
    held_out = split(kept_rows(assay, second.dataset), model.test_size, model.seed)[1]
    lacking = [name for name in (*model.fields, model.target) if name not in held_out.columns]
    if lacking:
        said = f"The rows held out for version {second.number} have no column {lacking[0]!r}"
        raise DataInvalid(f"{said}; name other rows with --data.")
    return held_out.select(*model.fields, model.target), 0


def _unknown(assay: Assay, model: Model[Any], rows: pl.DataFrame, versions: tuple[Version, Version]) -> pl.DataFrame:
    """The rows that neither version has learnt from: equal rows are known rows, whatever their place."""
    for dataset in dict.fromkeys(version.dataset for version in versions):
        learnt = split(kept_rows(assay, dataset), model.test_size, model.seed)[0]
        on = [name for name in rows.columns if name in learnt.columns]
        known = learnt.select(pl.col(name).cast(rows.schema[name], strict=False) for name in on).unique()
        rows = rows.join(known, on=on, how="anti", nulls_equal=True, maintain_order="left")
    return rows


def _of_labels(
    model: Model[Any], asked: Lesson, one: Floats, other: Floats
) -> tuple[dict[str, Difference], dict[str, Difference]]:
    """The differences that each metric makes overall, and the model's metric for each label; recordings stay whole."""
    overall = {
        name: resampling.paired(asked.truth, one, other, asked.row, metric=name, threshold=model.threshold)
        for name in judged(model, asked, one).metrics
    }
    each = resampling.paired_by_label(
        asked.truth, one, other, asked.row, metric=model.metric, threshold=model.threshold
    )
    named = dict(zip(model.labels, each, strict=True))
    return _defined(overall), _defined(named)


def _defined(found: Mapping[str, resampling.Spread | None]) -> dict[str, Difference]:
    return {name: Difference(**asdict(one)) for name, one in found.items() if one is not None}


def _side(model: Model[Any], version: Version, asked: Lesson, answered: Floats) -> Side:
    scores = judged(model, asked, answered)
    return Side(
        version=version.number, recipe=version.recipe, dataset=version.dataset, metrics=scores.metrics,
        segments=scores.segments,
    )  # fmt: skip


def _changes(rows: pl.DataFrame, loaded: list[LoadedVersion], answered: tuple[Floats, Floats]) -> tuple[Change, ...]:
    """The rows that change most, as whoever asks would see it."""
    given = [
        np.array(each.contract.target.finish(values.tolist())) for each, values in zip(loaded, answered, strict=True)
    ]
    moved = given[1] - given[0]
    places = [int(place) for place in np.argsort(-np.abs(moved), kind="stable")[:MOST_CHANGES] if moved[place] != 0]
    target = loaded[0].contract.target.name
    return tuple(
        Change(
            truth=float(row.pop(target)), question=row, first=float(given[0][place]), second=float(given[1][place]),
            change=float(moved[place]),
        )
        for place, row in zip(places, rows[places].to_dicts(), strict=True)
    )  # fmt: skip
