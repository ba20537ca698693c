"""The gate: evidence about a candidate goes in, checks in sentences and a decision come out."""

from __future__ import annotations

from dataclasses import dataclass, field

from assay.domain.releases.gate import Gate
from assay.domain.releases.verdict import Check, Outcome

SEGMENT_ROWS = 30
CHANGED_SHARE = 0.01


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A candidate against the champion on the same rows, by the model's metric.

    `gain` is by how much the candidate is better: a share of the champion's metric (of r2 absolute), negative where it is
    worse. With the gate's confidence it is more than `low`; with the same confidence it is less than `high`. `better` is
    the share of the resamples in which the candidate is better at all.
    """

    rows: int
    champion: float
    candidate: float
    gain: float
    low: float
    high: float
    better: float


@dataclass(frozen=True, kw_only=True)
class Replay:
    """Recorded questions that the candidate answered again: how many, and how many answers changed beyond the bound.

    `refused` could not be asked any more. `largest` is the greatest change, as a share of the answer given then.
    """

    asked: int
    beyond: int = 0
    refused: int = 0
    largest: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is known about a candidate. `trouble` says why it cannot answer, `fallen` why the champion cannot.

    `value` is the candidate's metric on `rows` held-out rows; `compared` is None where no row is new to both.
    """

    metric: str
    rows: int = 0
    value: float | None = None
    against: int | None = None
    trouble: str = ""
    fallen: str = ""
    compared: Compared | None = None
    segments: dict[str, Compared] = field(default_factory=dict)
    latency_ms: float | None = None
    size_bytes: int = 0
    replay: Replay | None = None


def decide(gate: Gate, found: Evidence) -> tuple[tuple[Check, ...], Outcome]:
    """Every rule that applies, the comparison with the champion first, and what follows from them."""
    if found.trouble:
        return (
            Check(name="answers", passed=False, detail=f"the candidate cannot be judged: {found.trouble}"),
        ), "failed"
    checks = [_against_champion(gate, found)]
    if gate.worst_segment is not None and found.segments:
        checks.append(_segments(gate, found))
    if gate.latency_ms is not None and found.latency_ms is not None:
        checks.append(_latency(gate.latency_ms, found.latency_ms))
    if gate.size_bytes is not None:
        said = f"{found.size_bytes:,} bytes in all its files, allowed are {gate.size_bytes:,}"
        checks.append(Check(name="size", passed=found.size_bytes <= gate.size_bytes, detail=said))
    if gate.max_change is not None and found.replay is not None:
        checks.append(_replay(gate.max_change, found.replay))
    if not all(check.passed for check in checks):
        return tuple(checks), "failed"
    return tuple(checks), "waiting" if gate.approval else "passed"


def figure(metric: str, value: float | None) -> str:
    """A metric's value with its name."""
    if value is None:
        return f"{metric} unknown"
    shown = f"{100 * value:.2f} %" if metric == "mape" else f"{value:.4f}" if metric == "r2" else f"{value:,.2f}"
    return f"{metric} {shown}"


def _against_champion(gate: Gate, found: Evidence) -> Check:
    alone = f"{figure(found.metric, found.value)} on {found.rows:,} rows"
    if found.against is None:
        return Check(name="champion", passed=True, detail=f"{alone}, and nothing ruled before")
    if found.fallen:
        said = f"{alone}, and version {found.against} cannot hold its place: {found.fallen}"
        return Check(name="champion", passed=True, detail=said)
    compared = found.compared
    if compared is None:
        said = f"none of the {found.rows:,} held-out rows is new to version {found.against}: nothing can be compared"
        return Check(name="champion", passed=False, detail=said)
    wanted = f"wanted more than {_bound(found.metric, gate.margin)} with {_percent(gate.confidence)} confidence"
    sentence = f"{_comparison(found.metric, compared, gate.confidence)}, {wanted}"
    return Check(name="champion", passed=compared.low > gate.margin, detail=sentence)


def _comparison(metric: str, one: Compared, confidence: float) -> str:
    """Both values, the gain, and the two-sided interval each end of which holds with the confidence.

    The interval counts in the direction that the word names: of one that is worse by 40 % it is by how much it is worse.
    """
    _, _, champion = figure(metric, one.champion).partition(" ")
    both = f"{figure(metric, one.candidate)} against {champion} on {one.rows:,} rows:"
    word, ends = ("better", (one.low, one.high)) if one.gain >= 0 else ("worse", (-one.high, -one.low))
    by, low, high = (_share(metric, value) for value in (abs(one.gain), *ends))
    if {by, low, high} == {_share(metric, 0.0)}:
        return f"{both} the same"
    return f"{both} {word} by {by} ({100 * (2 * confidence - 1):.4g} % interval {low.removesuffix(' %')} to {high})"


def _segments(gate: Gate, found: Evidence) -> Check:
    allowed = gate.worst_segment or 0.0
    large = {name: one for name, one in found.segments.items() if one.rows >= SEGMENT_ROWS}
    bound = f"worse by more than {_bound(found.metric, allowed)} with {_percent(gate.confidence)} confidence"
    bad = {name: one for name, one in large.items() if one.high < -allowed}
    if not bad:
        said = f"none of {len(large)} segments of {SEGMENT_ROWS} rows or more is {bound}"
        return Check(name="segments", passed=True, detail=said)
    worst, *others = sorted(bad, key=lambda name: bad[name].high)
    also = ", ".join(f"{name} by {_share(found.metric, -bad[name].gain)}" for name in others)
    said = f"{worst}: {_comparison(found.metric, bad[worst], gate.confidence)}" + (f"; also {also}" if also else "")
    return Check(name="segments", passed=False, detail=f"{said}; no segment may be {bound}")


def _latency(allowed: float, found: float) -> Check:
    said = f"one question takes {found:.3g} ms (the median), allowed are {allowed:g} ms"
    return Check(name="latency", passed=found <= allowed, detail=said)


def _replay(allowed: float, found: Replay) -> Check:
    if not found.asked:
        return Check(name="replay", passed=True, detail="no question is recorded yet that could be asked again")
    changed = found.beyond + found.refused
    said = (
        f"{found.beyond:,} of {found.asked:,} recorded answers change by more than {100 * allowed:g} %"
        f" (the most by {100 * found.largest:,.1f} %)"
        + (f", {found.refused:,} cannot be given" if found.refused else "")
    )
    passed = changed <= CHANGED_SHARE * found.asked
    return Check(name="replay", passed=passed, detail=f"{said}; allowed are {100 * CHANGED_SHARE:g} % of them")


def _share(metric: str, value: float) -> str:
    shown = round(value, 4) if metric == "r2" else round(100 * value, 1)
    shown += 0.0  # no minus before a nought
    return f"{shown:.4f}" if metric == "r2" else f"{shown:.1f} %"


def _bound(metric: str, value: float) -> str:
    return f"{value:g}" if metric == "r2" else _percent(value)


def _percent(value: float) -> str:
    return f"{100 * value:g} %"
