"""An experiment as people and programs see it: who takes part, and what came of it so far."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from assay.app.experiments.found import ArmFound, ExperimentFound, ItemsFound, Quantiles, ShadowFound, Truth, told
from assay.cli import show
from assay.domain.releases.rollout import Rollout
from assay.measures.numbers import Apart

MODES = {"split": "each subject is answered by one arm", "all": "the main version answers, every arm scores kept items"}


def show_experiment(found: ExperimentFound, *, as_json: bool) -> None:
    """What came of the experiment."""
    if as_json:
        show.tell_json(told(found))
        return
    out = show.console()
    out.print(Text.assemble((show.clean(f"{found.model}: experiment {found.experiment}"), "bold"), f"  {_when(found)}"))
    out.print(Text(f"version {found.main} is the main one; {MODES[found.mode]}"))
    if not found.whole:
        out.print(Text(f"the newest answers are looked at, from {show.moment(found.looked_from)} on", style="dim"))
    out.print(_arms_table(found))
    if found.shadows:
        out.print(_shadows_table(found))
        for one in found.shadows:
            if one.reasons:
                reasons = ", ".join(f"{count:,} {code}" for code, count in one.reasons.items())
                out.print(Text(show.clean(f"skipped by version {one.version}: {reasons}"), style="dim"))
    if found.items:
        out.print(_items_table(found.items))


def show_experiment_decision(before: Rollout, decided: Rollout, *, as_json: bool) -> None:
    """Who takes part from now on."""
    if as_json:
        show.tell_json(
            {"model": decided.model, "before": show.rollout_json(before), "rollout": show.rollout_json(decided)}
        )
        return
    if decided.experiment is None:
        said = f"the experiment {before.experiment} is over; version {decided.version} answers alone from now on."
    else:
        shares = ", ".join(f"version {arm.version} {_percent(arm.share)}" for arm in decided.arms)
        arms = shares or f"version {decided.version} answers"
        said = f"experiment {decided.experiment}: {arms}" + _listening(decided.shadows)
    show.console().print(Text(show.clean(f"{decided.model}: {said}")))


def _listening(shadows: tuple[int, ...]) -> str:
    if not shadows:
        return "."
    named = " and ".join(map(str, shadows))
    return f"; version {named} listens as a shadow." if len(shadows) == 1 else f"; versions {named} listen as shadows."


def _when(found: ExperimentFound) -> str:
    since = f"since {show.moment(found.since)}"
    return f"{since}, as the shares are" if found.until is None else f"{since}, until {show.moment(found.until)}"


def _arms_table(found: ExperimentFound) -> Table:
    known = any(one.truth.outcomes for one in found.arms)
    heads = ["arm", "recipe", "wanted", "share (4 sigma)", "asks", "errors", "p50 ms", "p95 ms", "answers", "median"]
    heads += _truth_heads(found) if known else []
    rows = []
    for one in found.arms:
        cells = [
            str(one.version), one.recipe, _percent(one.wanted), _share(one), f"{one.asks:,}", f"{one.errors:,}",
            *_took(one.took_ms), f"{one.answers:,}", show.amount(one.values.get("0.5")),
        ]  # fmt: skip
        cells += _truth(found, one.truth) if known else []
        rows.append((dict(zip(heads, cells, strict=True)), "" if one.as_wanted else "bold red"))
    return show.fitting(heads, rows, right=_numbers(heads), spare=("answers", "median", "p50 ms", "wanted", "p95 ms"))


def _shadows_table(found: ExperimentFound) -> Table:
    known = any(one.truth.outcomes for one in found.shadows)
    heads = ["shadow", "recipe", "asked", "skipped", "behind", "p50 ms", "p95 ms", "pairs", "changed", "median change"]
    heads += _truth_heads(found) if known else []
    rows = []
    for one in found.shadows:
        cells = [
            str(one.version), one.recipe, f"{one.asked:,}", f"{one.skipped:,}", _behind(one), *_took(one.took_ms),
            f"{one.pairs:,}", _percent(one.changed), show.amount(one.change.get("0.5")),
        ]  # fmt: skip
        cells += _truth(found, one.truth) if known else []
        rows.append((dict(zip(heads, cells, strict=True)), ""))
    return show.fitting(
        heads, rows, right=_numbers(heads), spare=("pairs", "p50 ms", "median change", "behind", "p95 ms")
    )


def _truth_heads(found: ExperimentFound) -> list[str]:
    return ["outcomes", _metric(found), "difference (95 %)"]


def _numbers(heads: list[str]) -> list[str]:
    return [head for head in heads if head != "recipe"]


def _items_table(found: tuple[ItemsFound, ...]) -> Table:
    """A line a label; of each version the mean confidence, and the average precision on the control set where it is known."""
    versions = [f"v{one.version}" for one in found]
    precise = any(label.average_precision is not None for one in found for label in one.labels.values())
    heads = ["label", *(f"{name} mean" for name in versions), *(f"{name} >= threshold" for name in versions)]
    heads += [f"{name} AP on control" for name in versions] if precise else []
    made = show.table(*heads, right=heads[1:])
    made.add_row(
        *show.row(
            "scored", *(f"{one.scored:,} of {one.items:,}" for one in found), *[""] * (len(heads) - 1 - len(found))
        )
    )
    made.add_row(*show.row("covered", *(_percent(one.covered) for one in found), *[""] * (len(heads) - 1 - len(found))))
    for label in found[0].labels:
        each = [one.labels[label] for one in found]
        cells = [*(_number(one.mean) for one in each), *(_percent(one.at_threshold) for one in each)]
        cells += [_number(one.average_precision) for one in each] if precise else []
        made.add_row(*show.row(label, *cells))
    return made


def _truth(found: ExperimentFound, truth: Truth) -> list[str]:
    return [f"{truth.outcomes:,}", show.metric(found.metric, truth.metric), interval(found.metric, truth.apart)]


def interval(metric: str, found: Apart | None) -> str:
    """A difference with its interval, such as -12.3 (-20.1 to -4.2); shares in per cent."""
    if found is None:
        return "–"
    scale, unit, places = (100.0, " %", 2) if metric == "mape" else (1.0, "", 4 if metric == "r2" else 2)
    value, low, high = (f"{scale * one:+,.{places}f}" for one in (found.value, found.low, found.high))
    return f"{value}{unit} ({low} to {high})"


def _metric(found: ExperimentFound) -> str:
    return show.metric_title(found.metric, found.unit)


def _share(one: ArmFound) -> str:
    band = f"{100 * one.low:.1f} to {100 * one.high:.1f} %"
    return f"{_percent(one.share)} ({band})"


def _behind(one: ShadowFound) -> str:
    return "–" if one.behind_s is None else f"{one.behind_s:,.0f} s"


def _took(quantiles: Quantiles) -> list[str]:
    return [_number(quantiles.get("0.5")), _number(quantiles.get("0.95"))]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"
