"""`assay jobs` and `assay work`: what is done in the background, and a worker that does it."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from contextlib import closing
from typing import Any

import click

from assay.cli.options import Asked, Verb, application, home_option, json_option

STATES = ("queued", "running", "succeeded", "failed", "canceled", "expired")
MOST_LISTED = 1_000
BY = "assay jobs"


class JobId(click.ParamType[str]):
    """A job's id."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The id; fails with a usage error."""
        if not re.fullmatch("[0-9a-f]{32}", str(value)):
            self.fail("A job's id is 32 hexadecimal digits, as `assay jobs APP` lists them.", param, ctx)
        return str(value)


@click.command(cls=Verb, short_help="List jobs, tell all about one, cancel it or have it tried again.")
@application
@click.argument("id", type=JobId(), required=False)
@click.option("--state", type=click.Choice(STATES), help="Only jobs in this state.")
@click.option(
    "--limit", type=click.IntRange(1, MOST_LISTED), default=20, metavar="N", help="At most so many.  [default: 20]"
)
@click.option("--cancel", "act", flag_value="cancel", help="Cancel job ID.")
@click.option("--retry", "act", flag_value="retry", help="Have job ID tried again, which failed or was canceled.")
@click.option("--log", "log_only", is_flag=True, help="Show nothing but the end of job ID's log.")
@json_option
@home_option
def jobs(asked: Asked, *, id: str | None, act: str | None, log_only: bool, **told: Any) -> None:
    """List APP's newest jobs; with ID, tell all about one, and cancel it or have it tried again."""
    from assay.app import Assay
    from assay.cli.views.jobs import all_jobs, one_job

    if id is None and (act or log_only):
        raise click.UsageError("Say also which job: its ID, as `assay jobs APP` lists them.")
    if id is not None and told["state"] is not None:
        raise click.UsageError("--state chooses among all jobs; leave it out where ID names one.")
    with closing(Assay.at(asked.app, **asked.told)) as assay:
        if id is None:
            all_jobs(assay, as_json=asked.as_json, **told)
            return
        if act is not None:
            (assay.jobs.cancel if act == "cancel" else assay.jobs.retry)(id, BY)
        one_job(assay.jobs.find(id), as_json=asked.as_json, log_only=log_only)


@click.command(cls=Verb, short_help="Do jobs in the background.")
@application
@click.option("--tasks", is_flag=True, help="Answer tasks, many at a time, instead of doing the other jobs.")
@home_option
def work(asked: Asked, *, tasks: bool) -> None:
    """Do APP's jobs, one after the other, until Ctrl-C or SIGTERM; the one under way is then handed back.

    `assay serve` starts such workers by itself; more of them may run beside it. Structured logs go to standard error.
    """
    from assay.app.tasks.predicting import work as answer
    from assay.app.working import work as run
    from assay.logs import configure_log

    configure_log()
    click.get_current_context().exit((answer if tasks else run)(asked.app, asked.told, _until_told))


def _until_told(stop: Callable[[], None]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop())
