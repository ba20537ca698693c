"""`assay`: the group of all commands, and the one place where failures become a sentence and an exit code."""

from __future__ import annotations

import errno
import sys
from typing import Any, NoReturn

import click

from assay.cli.commands import COMMANDS
from assay.cli.commands.doctor import doctor
from assay.cli.commands.experiments.experiment import experiment
from assay.cli.commands.features.tables import features
from assay.cli.commands.items.listing import items
from assay.cli.commands.items.rescore import rescore
from assay.errors import AssayError

FAILED, MISUSED, INTERRUPTED = 1, 2, 130


class Door(click.Group):
    """Runs a command; whatever can be expected to go wrong ends as one sentence on standard error."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command that was asked for."""
        for stream in (sys.stdout, sys.stderr):
            _forgive(stream)
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, ImportError) as failed:
            if not _was_interrupted(failed):
                raise
            _end(ctx, INTERRUPTED, "interrupted; what was registered before stays, and nothing is half done.")
        except AssayError as failed:
            _refuse(ctx, failed)
        except OSError as failed:
            _blame_system(ctx, failed)
        except ValueError as wrong:
            _blame_settings(ctx, wrong)


@click.group(
    cls=Door,
    commands=[*COMMANDS, experiment, items, rescore, features, doctor],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="assay", message="assay %(version)s")
def main() -> None:
    """Takes a machine-learning model from a notebook to production, and keeps it honest there.

    APP is the application's folder, the one that holds model.py. Each command tells more with --help.
    """


def _forgive(stream: Any) -> None:
    """A terminal that cannot show a character gets a question mark instead of a traceback."""
    if hasattr(stream, "reconfigure") and "utf" not in (stream.encoding or "").lower():
        stream.reconfigure(errors="replace")


def _was_interrupted(failed: BaseException | None) -> bool:
    """Ctrl-C; also while a compiled library was being loaded, which calls it a failure of its own."""
    if failed is None or isinstance(failed, KeyboardInterrupt):
        return failed is not None
    return _was_interrupted(failed.__cause__ or failed.__context__)


def _blame_system(ctx: click.Context, failed: OSError) -> NoReturn:
    if failed.errno == errno.EPIPE:
        raise failed
    where = f"{failed.filename}: " if failed.filename else ""
    _end(ctx, FAILED, f"{where}{failed.strerror or failed}.")


def _refuse(ctx: click.Context, failed: AssayError) -> NoReturn:
    from assay.cli import show

    faults = getattr(failed, "faults", ())
    many = f"{getattr(failed, 'total', len(faults))} things are wrong with the question."
    show.error(
        many if len(faults) > 1 else str(failed),
        faults=faults if len(faults) > 1 else (),
        then=show.NEXT.get(failed.code, ""),
    )
    ctx.exit(FAILED)


def _blame_settings(ctx: click.Context, wrong: ValueError) -> NoReturn:
    from assay.cli import show
    from assay.settings import settings_faults

    said = settings_faults(wrong)
    if not said:
        raise wrong
    for sentence in said:
        show.error(sentence)
    ctx.exit(MISUSED)


def _end(ctx: click.Context, status: int, sentence: str) -> NoReturn:
    from assay.cli import show

    show.error(sentence)
    ctx.exit(status)
