"""`assay db`: the store's schema, its soundness, and its copies."""

from __future__ import annotations

from pathlib import Path

import click

from assay.cli.options import Asked, Place, Verb, application, home_option, json_option

FOLDER = click.argument("folder", type=Place(), metavar="FOLDER")


@click.group(name="db", short_help="Upgrade, check, back up and restore the store.")
def db() -> None:
    """Look after APP's store, whichever database it is in."""


@db.command(cls=Verb, short_help="Bring the store to today's schema.")
@application
@json_option
@home_option
def upgrade(asked: Asked) -> None:
    """Bring APP's store to the schema of this Assay, in one transaction.

    Every command does so when it opens a store of an older Assay; this one does nothing else.
    """
    from assay.cli.stores import stored
    from assay.cli.views.copies import show_upgraded
    from assay.store import schema

    with stored(asked) as (database, _):
        show_upgraded(schema.upgrade(database), schema.HEAD, as_json=asked.as_json)


@db.command(cls=Verb, short_help="Read all that is kept, and say what is wrong.")
@application
@json_option
@home_option
def check(asked: Asked) -> None:
    """Read every page and every file of APP's store, and say what is wrong; changes nothing.

    The exit status is 1 if something is.
    """
    from assay.cli.stores import stored
    from assay.cli.views.checks import show_checks
    from assay.cli.views.copies import check_of, progress
    from assay.store.copies.soundness import check as look

    with stored(asked) as (database, place):
        with progress() as heard:
            found = list(look(database, place, heard))
        show_checks([check_of(one) for one in found], as_json=asked.as_json)
    if any(one.faults for one in found):
        click.get_current_context().exit(1)


@db.command(cls=Verb, short_help="Copy all that is kept into a folder.")
@application
@FOLDER
@json_option
@home_option
def backup(asked: Asked, *, folder: Path) -> None:
    """Write everything that was acknowledged until now into FOLDER, which must not be there yet; APP may be serving.

    FOLDER is a home then: `assay db restore` takes it, and `assay serve APP --home FOLDER` opens it as it is. The exit
    status is 1 if a file that belongs in it is missing in the store itself; all else is saved.
    """
    from assay.cli.stores import stored
    from assay.cli.views.copies import progress, show_backup
    from assay.store.copies.backup import back_up

    with stored(asked) as (database, place):
        with progress() as heard:
            made = back_up(database, place, folder.expanduser().absolute(), heard)
        show_backup(made, folder, as_json=asked.as_json)
    if made.missing:
        click.get_current_context().exit(1)


@db.command(cls=Verb, short_help="Put a backup where nothing is yet.")
@application
@FOLDER
@json_option
@home_option
def restore(asked: Asked, *, folder: Path) -> None:
    """Put the backup in FOLDER into APP's home, which must not be there yet, or into the empty database of --database.

    Every hash is confirmed, and a backup of an older Assay brought to today's schema. Where anything is wrong, home and
    database stay empty.
    """
    from assay.cli.stores import told
    from assay.cli.views.copies import progress, show_restored
    from assay.store.copies.restore import restore_database, restore_home
    from assay.store.databases import open_database

    settings, place = told(asked)
    source = folder.expanduser().absolute()
    with progress() as heard:
        if not settings.database_url:
            restored = restore_home(source, place, heard)
        else:
            database = open_database(settings.database_url)
            try:
                restored = restore_database(source, place, database, heard)
            finally:
                database.close()
    show_restored(restored, "postgresql" if settings.database_url else "sqlite", place, as_json=asked.as_json)
