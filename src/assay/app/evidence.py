"""What can be measured of a version before it answers: on held-out rows, on the clock, and on recorded questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from assay.clock import ticks_us
from assay.domain.metric import GREATER_IS_BETTER
from assay.domain.model import Model
from assay.domain.version import Version
from assay.errors import (
    ArtifactRejected,
    AssayError,
    BadOutput,
    DataInvalid,
    ModelFailed,
    ModelTimedOut,
    VersionRejected,
)  # fmt: skip
from assay.releasing.gate import Compared, Replay
from assay.serving.predict import predict

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from assay.app import Assay
    from assay.serving.loaded import LoadedVersion
    from assay.store.record.predictions import Recorded
    from assay.training.paired import Difference

CHUNK = 16_384
TIMED_CALLS, LEAST_CALLS, TIMED_US = 200, 5, 2_000_000
BIGGEST = 10
UNFIT = (ArtifactRejected, VersionRejected, ModelFailed, ModelTimedOut, BadOutput)


@dataclass(frozen=True, kw_only=True)
class Test:
    """The rows on which both are judged; `known` of the held-out ones are left out, as the champion has learnt from them.

    `known` is None where nobody can say, for the rows of the champion are gone.
    """

    rows: pl.DataFrame
    held_out: int
    known: int | None = 0


def sentence(failed: AssayError) -> str:
    """Why a version cannot answer, for a verdict that is read over HTTP: without paths or messages of libraries."""
    private = isinstance(failed, ArtifactRejected | ModelFailed)
    return ((type(failed).__doc__ or "").strip() if private else str(failed)).rstrip(".")


# ---- the rows


def test_rows(assay: Assay, model: Model[Any], candidate: Version, champion: Version | None) -> Test:
    """The candidate's held-out rows, as the gate wants them, without those that the champion has learnt from."""
    import polars as pl

    _, held_out = parted(assay, model, candidate)
    if champion is None or champion.dataset == candidate.dataset:
        return Test(rows=_newest(model, held_out), held_out=held_out.height)
    try:
        learnt, _ = parted(assay, model, champion)
    except ArtifactRejected:
        return Test(rows=_newest(model, held_out), held_out=held_out.height, known=None)
    on = [name for name in (*model.fields, model.target) if name in learnt.columns]
    same = learnt.select(pl.col(name).cast(held_out.schema[name], strict=False) for name in on).unique()
    rows = held_out.join(same, on=on, how="anti", nulls_equal=True, maintain_order="left")
    return Test(rows=_newest(model, rows), held_out=held_out.height, known=held_out.height - rows.height)


def parted(assay: Assay, model: Model[Any], version: Version) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows that the version has learnt from, and those that were held out then; raises ArtifactRejected."""
    from assay.app.learning import kept_rows
    from assay.training.split import HELD_OUT, split

    rows = kept_rows(assay, version.dataset)
    if HELD_OUT in rows.columns:
        return rows.filter(~rows[HELD_OUT]), rows.filter(rows[HELD_OUT])
    return split(rows, model.test_size, model.seed)


def _newest(model: Model[Any], rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of the newest part, and of the parts before it until there are enough."""
    from assay.training.split import PART

    gate = model.gate
    if gate.judged_on == "all" or PART not in rows.columns:
        return rows
    sizes = rows[PART].value_counts().sort(PART, descending=True)
    newer = sizes["count"].cum_sum() - sizes["count"]
    return rows.filter(rows[PART].is_in(sizes.filter(newer < gate.least_rows)[PART].to_list()))


# ---- answers to them


def answers(loaded: LoadedVersion, rows: pl.DataFrame) -> NDArray[np.float64]:
    """float64 [n]: the version's own answers, before the floor; raises VersionRejected, BadOutput or what it raises."""
    fields = list(loaded.contract.fields)
    missing = [name for name in fields if name not in rows.columns]
    if missing:
        raise VersionRejected(f"It asks for {missing[0]!r}, which the held-out rows do not have.")
    found = [
        np.asarray(loaded.engine.run(part.to_dict(as_series=False)), np.float64)
        for part in rows.select(fields).iter_slices(CHUNK)
    ]
    joined = np.concatenate(found) if found else np.empty(0)
    if len(joined) != rows.height or not np.isfinite(joined).all():
        raise BadOutput
    return joined


def value(model: Model[Any], rows: pl.DataFrame, answered: NDArray[np.float64]) -> float | None:
    """The model's metric of these answers; None where it is not defined for the rows."""
    from assay.training.evaluate import metrics

    return metrics(rows[model.target].cast(float).to_numpy(), answered).get(model.metric)


def latency_ms(loaded: LoadedVersion, rows: pl.DataFrame) -> float | None:
    """The median time of one question asked alone, in milliseconds; None where there is no row to ask about."""
    asked = rows.head(TIMED_CALLS).select(list(loaded.contract.fields)).to_dicts()
    took: list[int] = []
    while asked and len(took) < TIMED_CALLS and (len(took) < LEAST_CALLS or sum(took) < TIMED_US):
        question = {name: [said] for name, said in asked[len(took) % len(asked)].items()}
        began = ticks_us()
        loaded.engine.run(question)
        took.append(ticks_us() - began)
    return float(np.median(took)) / 1000 if took else None


# ---- against the champion


def compare(
    model: Model[Any], rows: pl.DataFrame, theirs: NDArray[np.float64], mine: NDArray[np.float64]
) -> tuple[Compared | None, dict[str, Compared]]:
    """The candidate's answers (`mine`) against the champion's on the same rows, over all and by segment.

    None where the metric is not defined for the rows. Each end of an interval holds with the gate's confidence by itself,
    so both together with as much less.
    """
    from assay.training.evaluate import score
    from assay.training.paired import by_segment, paired

    truth = rows[model.target].cast(float).to_numpy()
    confidence = 2 * model.gate.confidence - 1
    try:
        overall = paired(truth, theirs, mine, model.metric, confidence=confidence)
    except DataInvalid:
        return None, {}
    before, after = (score(truth, found, rows, model.segments) for found in (theirs, mine))
    segments = by_segment(model, rows, theirs, mine, confidence=confidence)
    return _compared(model.metric, len(truth), before.metrics, after.metrics, overall), {
        name: _compared(
            model.metric, int(before.segments[name]["rows"]), before.segments[name], after.segments[name], one
        )
        for name, one in segments.items()
    }


def _compared(metric: str, rows: int, before: dict[str, float], after: dict[str, float], found: Difference) -> Compared:
    """A difference of metrics as a gain: positive where the candidate is better, a share unless the metric is one."""
    champion, candidate = before[metric], after[metric]
    scale = 1.0 if metric == "r2" else champion or 1.0
    sign = 1.0 if GREATER_IS_BETTER[metric] else -1.0
    low, high = sorted((sign * found.low / scale, sign * found.high / scale))
    return Compared(
        rows=rows, champion=champion, candidate=candidate, gain=sign * (candidate - champion) / scale, low=low, high=high,
        better=found.better,
    )  # fmt: skip


# ---- on recorded questions


def replay(loaded: LoadedVersion, recorded: Sequence[Recorded], bound: float | None) -> tuple[Replay, dict[str, Any]]:
    """Recorded questions answered by the version, against the answers that were given; shares of those, by quantile.

    An answer that was 0 and is no longer counts as changed by the whole of it.
    """
    asked = [(one, _question(loaded, one)) for one in recorded if one.value is not None]
    taken = [(one, question) for one, question in asked if question is not None]
    before = np.array([one.value for one, _ in taken], np.float64)
    after = np.array(predict(loaded, [question for _, question in taken]) if taken else [], np.float64)
    moved = np.abs(after - before)
    change = np.divide(moved, np.abs(before), out=(moved > 0).astype(np.float64), where=before != 0)
    biggest = np.argsort(-change, kind="stable")[:BIGGEST]
    told = {
        "quantiles": {f"{q:g}": float(np.quantile(change, q)) for q in (0.5, 0.9, 0.99, 1.0)} if len(change) else {},
        "biggest": [
            {
                "prediction": taken[i][0].id, "question": msgspec.json.decode(taken[i][0].question),
                "version": taken[i][0].version, "before": float(before[i]), "after": float(after[i]),
            }
            for i in biggest if change[i] > 0
        ],
    }  # fmt: skip
    beyond = int((change > bound).sum()) if bound is not None else 0
    found = Replay(
        asked=len(asked), beyond=beyond, refused=len(asked) - len(taken),
        largest=float(change.max()) if len(change) else 0.0,
    )  # fmt: skip
    return found, told


def _question(loaded: LoadedVersion, recorded: Recorded) -> Any:
    """The recorded question as the version takes it; None where it takes it no more."""
    try:
        questions, _ = loaded.reader.read(bytes(recorded.question))
    except AssayError:
        return None
    return questions[0]
