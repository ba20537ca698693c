"""Verdicts as people and programs see them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from assay.app import Assay
from assay.cli import show
from assay.clock import iso
from assay.domain.model import Model
from assay.domain.releases.verdict import Verdict

LISTED = 50
UNHEARD = 3
COLOURS = {"passed": "green", "approved": "green", "warned": "yellow", "waiting": "yellow", "failed": "bold red"}
MEANT = {"waiting": "waiting for `assay approve`"}


def all_verdicts(assay: Assay, model: Model[Any], *, as_json: bool) -> None:
    """The newest verdicts first, each with what was found wrong."""
    found = assay.verdicts.page(model.name, limit=LISTED)
    if as_json:
        show.tell_json({"model": model.name, "verdicts": [verdict_json(one) for one in found]})
        return
    if not found:
        show.notes().print(Text(f"No version of {model.name!r} has been judged yet; `assay train` does that."))
        return
    out = show.console()
    if out.width < show.NARROW:
        for one in found:
            _told_narrowly(out, one)
        return
    made = show.table("at", "version", "against", "by", "outcome", "because", right=["version", "against"])
    for one in found:
        cells = show.row(show.moment(one.at), str(one.version), str(one.against or "–"), one.kind)
        made.add_row(*cells, Text(one.outcome, style=COLOURS[one.outcome]), *show.row(_because(one)))
    out.print(made)


def verdicts_of_one(assay: Assay, model: Model[Any], number: int, *, as_json: bool) -> None:
    """Every check of one version, the newest verdict first; raises VersionNotFound."""
    version = assay.versions.find(model.name, number)
    found = assay.verdicts.page(model.name, version=number, limit=LISTED)
    if as_json:
        show.tell_json({"model": model.name, "version": number, "verdicts": [verdict_json(one) for one in found]})
        return
    out = show.console()
    if not found:
        show.notes().print(Text(f"Version {version.number} of {model.name!r} has not been judged."))
    for one in found:
        out.print(_head(one))
        out.print(_checks(one) if one.checks else Text("  too little was seen to compare anything\n", style="dim"))


@contextmanager
def asking() -> Iterator[Callable[[str, int, int], None]]:
    """Shows on a terminal how far the control set is."""
    notes = show.notes()
    if not notes.is_terminal or notes.is_dumb_terminal:
        yield lambda stage, done, of: None
        return
    with notes.status("control set") as shown:
        yield lambda stage, done, of: shown.update(f"{stage}: {done:,} of {of:,}")


def show_control(found: Verdict, *, as_json: bool) -> bool:
    """What a version's answers to the control set came to, check by check and label by label; whether none failed."""
    sound = found.outcome != "failed"
    if as_json:
        show.tell_json(verdict_json(found))
        return sound
    out = show.console()
    out.print(_head(found))
    told = found.evidence
    if told:
        out.print(Text(show.clean(_where(told))), soft_wrap=True)
    out.print(_checks(found))
    if told:
        out.print(_labels(told))
    return sound


def verdict_json(found: Verdict) -> dict[str, Any]:
    """A verdict in full."""
    return msgspec.structs.asdict(found) | {"at": iso(found.at)}


def _head(found: Verdict) -> Text:
    against = f" against version {found.against}" if found.against else ""
    kind = "control set" if found.kind == "control" else found.kind
    return Text.assemble(
        (f"{kind} of version {found.version}{against}", "bold"),
        "  ",
        (MEANT.get(found.outcome, found.outcome), COLOURS[found.outcome]),
        f"  {show.moment(found.at)}, {show.clean(found.by)}",
    )


def _checks(found: Verdict) -> Table:
    made = show.table("", "check", "found")
    for check in found.checks:
        word, style = ("warn", "yellow") if check.warned else ("ok", "green") if check.passed else ("fail", "bold red")
        made.add_row(Text(word, style=style), *show.row(check.name, check.detail))
    return made


def _where(told: dict[str, Any]) -> str:
    inputs = f"{told['inputs']:,} recordings, {told['rows']:,} seconds" if told["sound"] else f"{told['rows']:,} rows"
    said = f"on {inputs}" + (" of the control set" if told["given"] else " held out when it was trained")
    if told["left_out"]:
        said += f"; {told['left_out']:,} more are left out, for they were learnt from or break a rule"
    if told["unheard"]:
        names = ", ".join(list(told["unheard"])[:UNHEARD])
        said += f"; {len(told['unheard']):,} cannot be heard ({names})"
    return said + (f"; {told['note']}" if told["note"] else "")


def _labels(told: dict[str, Any]) -> Table:
    """A line for all labels together, and one for each; what was before, and how sure the change is, where that is known."""
    before = told.get("metrics_before")
    names = ("average_precision", "precision", "recall", "f1", "error")
    titles = [show.metric_title(name, "") for name in names]
    changed = ["before", "change"] if before else []
    heads = ["label", "seconds" if told["sound"] else "rows", titles[0], *changed, *titles[1:]]
    made = show.table(*heads, right=heads[1:])
    everything = {"rows": told["rows"], "before": (before or {}).get("average_precision")} | told["metrics"]
    for label, found in {"all": everything, **told["labels"]}.items():
        values = [show.metric(name, found.get(name)) for name in names]
        more = [show.metric(names[0], found.get("before")), _change(found)] if before else []
        cells = show.row(label, f"{found['rows']:,.0f}", values[0], *more, *values[1:])
        made.add_row(*cells, style="bold" if found is everything else "")
    return made


def _change(found: dict[str, Any]) -> str:
    if "change" not in found:
        return "–"
    return f"{found['change']:+.3f} ({found['low']:+.3f} to {found['high']:+.3f})"


def _told_narrowly(out: Console, one: Verdict) -> None:
    """A line for what was judged, and below it the reason, which has the whole width."""
    against = f" against {one.against}" if one.against else ""
    judged = f"{show.moment(one.at)[:16]}  {one.kind}  version {one.version}{against}  "
    out.print(Text.assemble(judged, (one.outcome, COLOURS[one.outcome])))
    out.print(Padding(Text(show.clean(_because(one))), (0, 0, 0, 2)))


def _because(found: Verdict) -> str:
    if found.outcome == "approved":
        return str(found.evidence.get("reason", ""))
    failed = [check.detail for check in found.checks if not check.passed]
    warned = [check.detail for check in found.checks if check.warned]
    return "; ".join(failed or warned) or next((check.detail for check in found.checks), "")
