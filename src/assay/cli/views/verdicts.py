"""Verdicts as people and programs see them."""

from __future__ import annotations

from typing import Any

import msgspec
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from assay.app import Assay
from assay.cli import show
from assay.clock import iso
from assay.domain.model import Model
from assay.domain.releases.verdict import Verdict

LISTED = 50
COLOURS = {"passed": "green", "approved": "green", "waiting": "yellow", "failed": "bold red"}
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
        against = f" against version {one.against}" if one.against else ""
        out.print(
            Text.assemble(
                (f"{one.kind} of version {number}{against}", "bold"),
                "  ",
                (MEANT.get(one.outcome, one.outcome), COLOURS[one.outcome]),
                f"  {show.moment(one.at)}, {show.clean(one.by)}",
            )
        )
        made = show.table("", "check", "found")
        for check in one.checks:
            said = Text("ok", style="green") if check.passed else Text("fail", style="bold red")
            made.add_row(said, *show.row(check.name, check.detail))
        out.print(made if one.checks else Text("  too little was seen to compare anything\n", style="dim"))


def verdict_json(found: Verdict) -> dict[str, Any]:
    """A verdict in full."""
    return msgspec.structs.asdict(found) | {"at": iso(found.at)}


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
    return "; ".join(failed) or next((check.detail for check in found.checks), "")
