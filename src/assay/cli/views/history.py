"""Versions, evaluations and decisions as people and programs see them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec
from rich.text import Text

from assay.app import Assay
from assay.cli import show
from assay.clock import iso
from assay.domain.evaluation import Evaluation
from assay.domain.model import Model
from assay.domain.releases.rollout import Rollout
from assay.domain.version import Manifest, Version
from assay.errors import AssayError

if TYPE_CHECKING:
    from assay.releasing.prove import Proof


def all_versions(assay: Assay, model: Model[Any], *, as_json: bool) -> None:
    """Every version, the newest first."""
    found = assay.versions.all(model.name)
    rollout = assay.rollouts.ruling(model.name)
    ruling = rollout.version if rollout else None
    if as_json:
        show.tell_json({"model": model.name, "ruling": ruling, "versions": [show.version_json(one) for one in found]})
    elif not found:
        show.notes().print(Text(f"The model {model.name!r} has no versions yet; `assay train` makes some."))
    else:
        show.console().print(show.versions_table(found, ruling=ruling, unit=model.unit, metric_of=model.metric))


def one_version(assay: Assay, model: Model[Any], number: int, *, as_json: bool) -> None:
    """One version in full; raises VersionNotFound."""
    version = assay.versions.find(model.name, number)
    rollout = assay.rollouts.ruling(model.name)
    rules = rollout is not None and rollout.version == number
    manifest, trouble = _manifest(assay, version)
    evaluations = assay.evaluations.all(model.name, number)
    if as_json:
        files = msgspec.to_builtins(manifest.files) if manifest else {}
        show.tell_json(show.version_json(version) | {
            "ruling": rules, "engine_note": manifest.engine_note if manifest else "", "files": files, "trouble": trouble,
            "evaluations": [evaluation_json(one) for one in evaluations],
        })  # fmt: skip
        return
    out = show.console()
    state = f"{version.status}, and answers" if rules else version.status
    out.print(
        Text.assemble(
            (f"{model.name} version {number}", "bold"), f"  {show.clean(version.recipe)}  ", (state, _colour(version))
        )
    )
    out.print(show.facts(*_facts(version, manifest, trouble)))
    if version.metrics:
        out.print(show.metrics_table(version.metrics, version.segments, rows=version.test_rows, unit=model.unit))
    for name, found in (("parameter", version.parameters), ("library", version.libraries)):
        if found:
            made = show.table(name, "value")
            for key, value in found.items():
                made.add_row(*show.row(key, str(value)))
            out.print(made)
    later = [one for one in evaluations if one.split != "held-out" or one.dataset != version.dataset]
    if later:
        out.print(_evaluations_table(later, model.unit))


def show_evaluation(found: Evaluation, model: Model[Any], *, as_json: bool) -> None:
    """An evaluation that was just made."""
    if as_json:
        show.tell_json(evaluation_json(found))
        return
    where = (
        "the rows held out when it was trained"
        if found.split == "held-out"
        else f"all rows of the dataset {found.dataset[:12]}"
    )
    out = show.console()
    out.print(Text.assemble((f"{found.model} version {found.version}", "bold"), f" on {where}"))
    out.print(show.metrics_table(found.metrics, found.segments, rows=found.rows, unit=model.unit))


def show_decision(before: Rollout | None, decided: Rollout, proof: Proof | None = None, *, as_json: bool) -> None:
    """Who answered until now, who answers from now on, and what was seen meanwhile if somebody looked."""
    changed = before is None or before.id != decided.id
    if as_json:
        show.tell_json({
            "model": decided.model, "version": decided.version, "previous": before.version if before else None,
            "changed": changed, "rollout": show.rollout_json(decided), "proof": asdict(proof) if proof else None,
        })  # fmt: skip
        return
    if not changed:
        show.console().print(Text(f"{decided.model}: version {decided.version} answers already."))
    else:
        until = f"version {before.version} answered" if before else "no version answered"
        show.console().print(
            Text(f"{decided.model}: {until} until now; version {decided.version} answers from now on.")
        )
    if proof is not None:
        said = ("Proved: ", "green") if proof.holds else ("Not proved: ", "bold red")
        show.console().print(Text.assemble(said, show.clean(proof.sentence()) + "."), soft_wrap=True)
        for trouble in proof.trouble:
            show.console().print(Text(show.clean(f"  {trouble}")))


def evaluation_json(found: Evaluation) -> dict[str, Any]:
    """An evaluation in full."""
    return msgspec.structs.asdict(found) | {"at": iso(found.at)}


def _manifest(assay: Assay, version: Version) -> tuple[Manifest | None, str]:
    if version.manifest is None:
        return None, ""
    try:
        return assay.loader.manifest(version), ""
    except AssayError as damaged:
        return None, str(damaged)


def _facts(version: Version, manifest: Manifest | None, trouble: str) -> list[tuple[str, str]]:
    engine = f"{version.engine}: {manifest.engine_note}" if manifest and manifest.engine_note else version.engine
    known = {
        "reason": version.error,
        "trained": f"{show.moment(version.created_at)}, in {show.took(version.took_ms)}",
        "learnt": f"{version.train_rows:,} rows; {version.test_rows:,} held out, seed {version.seed}",
        "engine": engine,
        "trouble": trouble,
        "dataset": version.dataset,
        "code": version.code_digest,
        "manifest": version.manifest or "",
    }
    files = {
        name: f"{file.sha256} ({file.size:,} bytes, {file.format})"
        for name, file in (manifest.files if manifest else {}).items()
    }
    return [(name, said) for name, said in (known | files).items() if said]


def _evaluations_table(evaluations: list[Evaluation], unit: str) -> Any:
    shown = show.metrics_of(*(one.metrics for one in evaluations))
    titles = [show.metric_title(name, unit) for name in shown]
    heads = ["evaluated", "dataset", "rows", *titles]
    told = []
    for one in evaluations:
        values = (show.metric(name, one.metrics.get(name)) for name in shown)
        told.append(
            (dict(zip(heads, (show.moment(one.at), one.dataset[:12], f"{one.rows:,}", *values), strict=True)), "")
        )
    return show.fitting(heads, told, right=["rows", *titles], spare=[*titles[:0:-1], "dataset"])


def _colour(version: Version) -> str:
    return "green" if version.status == "ready" else "red"
