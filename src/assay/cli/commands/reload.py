"""`assay reload`: lets the running server read settings and code anew, and says how that went."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import click

from assay.cli.options import Asked, Verb, application, home_option, json_option
from assay.clock import ticks_us

LOOK_S = 0.05
LONGEST_US = 660_000_000  # longer than the server itself tries


@click.command(cls=Verb, short_help="Read settings and code anew, without a failed request.")
@application
@json_option
@home_option
def reload(asked: Asked) -> None:
    """Let the server of APP read assay.toml and APP's code anew, without a failed request.

    New web processes are started beside the old ones, which end once all new ones are ready and the last request is
    answered. If anything is wrong, the old ones go on, and the reason is said here.
    """
    from assay.errors import ReloadRefused

    notice = _reloaded(asked)
    if asked.as_json:
        click.echo(json.dumps(notice))
    if notice["outcome"]:
        raise ReloadRefused(str(notice["outcome"]))
    if not asked.as_json:
        click.echo(f"Reloaded: generation {notice['generation']} answers on {notice['url']}.")


def _reloaded(asked: Asked) -> dict[str, Any]:
    """Asks the server to reload, and waits for the outcome; raises NoServer."""
    from assay.errors import NoServer
    from assay.web.keeping.notice import read

    home = _home(asked)
    before = read(home)
    if before is None:
        raise NoServer
    awaited = before.reloads + (2 if before.reloading else 1)  # one under way began before what is asked for here
    os.kill(before.pid, signal.SIGHUP)
    until = ticks_us() + LONGEST_US
    while ticks_us() < until:
        time.sleep(LOOK_S)
        now = read(home)
        if now is None or now.pid != before.pid:
            raise NoServer("The server ended before it had reloaded; its log says why.")
        if now.reloads >= awaited:
            return now._asdict()
    raise NoServer("The server does not say how the reload went; its log may.")


def _home(asked: Asked) -> Path:
    """Where the server is found, even if the settings have become invalid: that is for the server to refuse."""
    from assay.settings import Settings, settings_for
    from assay.sources.application import Application
    from assay.web.keeping.notice import read

    folder = Application.at(asked.app).folder
    try:
        return settings_for(folder, **asked.told).home or folder / ".assay"
    except ValueError:
        home = (Settings(**asked.told).home or folder / ".assay").expanduser().absolute()
        if read(home) is None:
            raise  # what is wrong may be where the home is
        return home
