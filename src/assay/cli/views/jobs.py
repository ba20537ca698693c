"""Jobs as people and programs see them."""

from __future__ import annotations

from typing import Any

import msgspec
from rich.table import Table
from rich.text import Text

from assay.app import Assay
from assay.cli import show
from assay.clock import iso, now_us
from assay.domain.job import STATES, Job
from assay.store.paging import Window

COLOURS = {"running": "bold green", "succeeded": "", "queued": "cyan", "failed": "red"}
INTERNAL = ("token", "worker", "lease_until", "lease_boot")
COUNTS = ("rows", "fresh", "known", "removed", "duplicates")
TIGHT, TIGHTEST = 72, 60  # columns below which a job's age, and what came of it, have no room
MOMENTS = ("at", "started_at", "finished_at")


def all_jobs(assay: Assay, *, state: str | None, limit: int, as_json: bool) -> None:
    """The newest jobs, and how many there are of each state."""
    found = assay.jobs.page(Window(limit=limit), state=state).entries
    counts = assay.jobs.counts()
    if as_json:
        show.tell_json({"counts": counts, "jobs": [job_json(one) for one in found]})
    elif not found:
        none = "There are no jobs yet; schedules, fresh rows and requests make some."
        show.notes().print(Text(f"There is no job in the state {state!r}." if state else none))
    else:
        show.console().print(jobs_table(found))
        show.notes().print(Text(", ".join(f"{counts[one]:,} {one}" for one in STATES if one in counts), style="dim"))


def one_job(job: Job, *, as_json: bool, log_only: bool) -> None:
    """All about one job, with the end of its log; or nothing but that."""
    if as_json:
        show.tell_json({"log": job.log} if log_only else job_json(job))
        return
    out = show.console()
    if not log_only:
        head = (f"{job.verb} {job.model or ''}".rstrip(), "bold")
        out.print(Text.assemble(head, f"  {job.id}  ", (_state(job), COLOURS.get(job.state, "yellow"))))
        out.print(show.facts(*_facts(job)))
        _show_result(job)
    for line in job.log.splitlines():
        out.print(Text(show.clean(line), style="" if log_only else "dim"), soft_wrap=True)


def jobs_table(jobs: list[Job]) -> Table:
    """The newest first; on a narrow terminal the less telling columns are left out, and what came of a job last."""
    width = show.console().width
    wide = width >= show.NARROW
    heads = ["job", "state", "verb", *["model", "tries"] * wide, *["age"] * (width >= TIGHT), *["took"] * wide]
    heads += ["came of it"] * (width >= TIGHTEST)
    made = show.table(*heads, right=["job", "tries", "age", "took"])
    for job in jobs:
        cells = {
            "job": job.id, "state": _state(job), "verb": job.verb, "model": job.model or "–",
            "tries": f"{job.attempts} of {job.max_attempts}", "age": _age(job), "took": _took(job),
            "came of it": came_of(job) if job.ended else _progress(job),
        }  # fmt: skip
        made.add_row(*show.row(*(cells[head] for head in heads), style=COLOURS.get(job.state, "yellow")))
    return made


def came_of(job: Job) -> str:
    """What came of a job, in a few words."""
    if job.state != "succeeded":
        return job.code or "–"
    told = _trainings(job)
    if not told:
        return "–"
    return "; ".join(f"{name}: {_briefly(one)}" if len(told) > 1 else _briefly(one) for name, one in told.items())


def job_json(job: Job) -> dict[str, Any]:
    """A job in full, but for what only its worker needs."""
    made = msgspec.structs.asdict(job)
    made |= {name: made[name] and iso(made[name]) for name in MOMENTS}
    return {name: value for name, value in made.items() if name not in INTERNAL}


def _facts(job: Job) -> list[tuple[str, str]]:
    known = {
        "error": job.error,
        "code": job.code,
        "by": job.by,
        "queued": show.moment(job.at),
        "begun": show.moment(job.started_at) if job.started_at else "",
        "ended": f"{show.moment(job.finished_at)}, took {_took(job)}" if job.finished_at else "",
        "attempts": f"{job.attempts} of {job.max_attempts}",
        "progress": "" if job.ended else _progress(job),
        "worker": job.worker or "",
        "key": job.key or "",
        "arguments": _json(job.arguments) if job.arguments else "",
    }
    return [(name, said) for name, said in known.items() if said]


def _trainings(job: Job) -> dict[str, Any]:
    """What a training tells of each model; empty where the job was another one."""
    if job.verb != "train" or not isinstance(job.result, dict):
        return {}
    whole = all(
        isinstance(one, dict) and {"parts", "versions", "promoted"} <= one.keys() for one in job.result.values()
    )
    return job.result if whole else {}


def _briefly(told: dict[str, Any]) -> str:
    """A training of one model in a few words."""
    numbers = [str(one["number"]) for one in sorted(told["versions"], key=lambda one: one["number"])]
    made = f"version {numbers[0]} made" if len(numbers) == 1 else f"versions {', '.join(numbers)} made"
    out = sum(bool(part["refused"]) for part in told["parts"])
    left = [f"{out} part{'s' * (out > 1)} left out"] * bool(out)
    if told["promoted"] is not None:
        return ", ".join([f"version {told['promoted']} answers", *left])
    return ", ".join([made] * bool(numbers) + left) or "nothing new"


def _show_result(job: Job) -> None:
    """Of a training, its parts and versions and what was decided; of any other job, the result as JSON."""
    out = show.console()
    told = _trainings(job)
    if not told and job.result is not None:
        out.print(Text("result", style="dim"))
        for line in msgspec.json.format(_json(job.result), indent=2).splitlines():
            out.print(Text(show.clean(line)), soft_wrap=True)
    for name, one in told.items():
        out.print(Text.assemble("\n", (show.clean(name), "bold"), f": {one.get('rows', 0):,} rows"))
        if one["parts"]:
            out.print(_parts(one["parts"]))
        for part in one["parts"]:
            if part["refused"]:
                why = part["evidence"].removeprefix(f"{part['name']}: ")
                out.print(Text(show.clean(f"{part['name']} was left out: {why}"), style="red"))
        if one["versions"]:
            out.print(_versions(one["versions"], one["promoted"]))
        out.print(Text(show.clean(_decided(one))))


def _parts(told: list[dict[str, Any]]) -> Table:
    made = show.table("part", *COUNTS, "left out for", right=COUNTS)
    for part in told:
        cells = [f"{part.get(name, 0):,}" for name in COUNTS]
        made.add_row(*show.row(part["name"], *cells, part["refused"] or "–", style="red" if part["refused"] else ""))
    return made


def _versions(told: list[dict[str, Any]], promoted: int | None) -> Table:
    known = show.metrics_of(*(one["metrics"] for one in told))
    metrics = [name for name in known if any(name in one["metrics"] for one in told)]
    titles = [show.metric_title(name, "") for name in metrics]
    errors = ["error"] * any(one["error"] for one in told)
    heads = ["version", "recipe", *titles, "status", *errors]
    rows = []
    for one in told:
        cells = [show.metric(name, one["metrics"].get(name)) for name in metrics]
        rules = one["number"] == promoted
        status = "● took over" if rules else one["status"]
        style = "bold green" if rules else "red" if one["status"] != "ready" else ""
        row = (str(one["number"]), one["recipe"], *cells, status, *[one["error"]] * len(errors))
        rows.append((dict(zip(heads, row, strict=True)), style))
    return show.fitting(heads, rows, right=["version", *titles], spare=titles[:0:-1])


def _decided(told: dict[str, Any]) -> str:
    if told["promoted"] is not None:
        return f"Version {told['promoted']} was given the word."
    return (
        f"Who answers did not change, {told['unchanged']}." if told.get("unchanged") else "Who answers did not change."
    )


def _state(job: Job) -> str:
    return "running (to be canceled)" if job.state == "running" and job.cancel_requested else job.state


def _progress(job: Job) -> str:
    counted = f"{job.done:,} of {job.total:,}" if job.total else f"{job.done:,}" if job.done else ""
    return " ".join(part for part in (job.stage, counted) if part) or "–"


def _age(job: Job) -> str:
    return show.took(max(now_us() - job.at, 0) / 1000)


def _took(job: Job) -> str:
    if job.started_at is None or job.state == "queued":
        return "–"
    return show.took(max((job.finished_at or now_us()) - job.started_at, 0) / 1000)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
