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
MOMENTS = ("at", "started_at", "finished_at")


def all_jobs(assay: Assay, *, state: str | None, limit: int, as_json: bool) -> None:
    """The newest jobs, and how many there are of each state."""
    found = assay.jobs.page(Window(limit=limit), state=state).entries
    counts = assay.jobs.counts()
    if as_json:
        show.tell_json({"counts": counts, "jobs": [job_json(one) for one in found]})
    elif not found:
        kind = (
            f"No job is {state}." if state else "There are no jobs yet; schedules, fresh rows and requests make some."
        )
        show.notes().print(Text(kind))
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
    for line in job.log.splitlines():
        out.print(Text(show.clean(line), style="" if log_only else "dim"), soft_wrap=True)


def jobs_table(jobs: list[Job]) -> Table:
    """The newest first; on a narrow terminal the less telling columns are left out."""
    wide = show.console().width >= show.NARROW
    heads = ["job", "state", "verb", *["model"] * wide, *["tries"] * wide, "progress", "age", *["took"] * wide]
    made = show.table(*heads, right=["job", "tries", "age", "took"])
    for job in jobs:
        cells = {
            "job": job.id, "state": _state(job), "verb": job.verb, "model": job.model or "–",
            "tries": f"{job.attempts} of {job.max_attempts}", "progress": _progress(job), "age": _age(job), "took": _took(job),
        }  # fmt: skip
        made.add_row(*show.row(*(cells[head] for head in heads), style=COLOURS.get(job.state, "yellow")))
    return made


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
        "result": _json(job.result) if job.result is not None else "",
    }
    return [(name, said) for name, said in known.items() if said]


def _state(job: Job) -> str:
    return "ending" if job.state == "running" and job.cancel_requested else job.state


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
