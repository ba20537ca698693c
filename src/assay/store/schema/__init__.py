"""The schema's history: one Alembic revision a change, each one transaction, on its own version table."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from assay.errors import SchemaTooNew
from assay.store.database import Database
from assay.store.schema.glance import glance_at, telling_damage

HEAD = "0004"
VERSION_TABLE = "schema_version"
# a table of millions of rows is rebuilt or indexed in one statement
PATIENCE = ("SET LOCAL statement_timeout = 0", "SET LOCAL idle_in_transaction_session_timeout = '60s'")


def upgrade(database: Database) -> str | None:
    """Brings the store to today's schema; returns which one it had, None where it was empty.

    Raises SchemaTooNew where a newer Assay wrote it, StoreDamaged where a glance shows it, or StoreUnavailable.
    """
    with telling_damage(), database.reading() as connection:
        known = current(connection)
        glance_at(connection)
    refuse_newer(known)
    if known == HEAD:
        return known  # the usual case, and Alembic's import is slow
    import alembic.command  # noqa: F401, PLC0415 - half a second, and best before anybody has to wait for our turn

    with database.writing() as connection:
        known = current(connection)
        refuse_newer(known)
        if known != HEAD:
            migrate(connection)
    return known


def refuse_newer(known: str | None) -> None:
    """Raises SchemaTooNew where this Assay does not know the schema yet."""
    if known is not None and known > HEAD:
        raise SchemaTooNew(f"The store has schema {known}, this Assay knows {HEAD}; upgrade Assay.")


def current(connection: Connection) -> str | None:
    """The revision of the store; None where it is empty."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 - a constant of ours


def migrate(connection: Connection, to: str = HEAD) -> None:
    """Runs the revisions up to this one within the caller's transaction."""
    from alembic import command  # noqa: PLC0415 - half a second that only a migration pays
    from alembic.config import Config  # noqa: PLC0415 - as above

    if connection.dialect.name == "postgresql":
        for patience in PATIENCE:
            connection.exec_driver_sql(patience)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, to)
