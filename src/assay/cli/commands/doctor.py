"""`assay doctor`: is everything in order, and what to do where it is not."""

from __future__ import annotations

import click

from assay.cli.options import Asked, Verb, application, home_option, json_option


@click.command(cls=Verb, short_help="Check that everything is in order.")
@application
@home_option
@json_option
def doctor(asked: Asked) -> None:
    """Check machine, settings, store and versions of APP; changes nothing.

    The exit status is 1 if a check fails; a warning leaves it 0.
    """
    from assay.cli.views.checks import show_checks
    from assay.cli.views.examination import examine

    checks = examine(asked.app, asked.told)
    show_checks(checks, as_json=asked.as_json)
    if any(check.state == "fail" for check in checks):
        click.get_current_context().exit(1)
