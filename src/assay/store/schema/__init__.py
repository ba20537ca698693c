"""The schema's history: one Alembic revision a change, each one transaction, on its own version table."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from assay.errors import SchemaTooNew
from assay.store.database import Database

HEAD = "0003"
VERSION_TABLE = "schema_version"


def upgrade(database: Database) -> None:
    """Brings the store to today's schema; raises SchemaTooNew where a newer Assay wrote it."""
    with database.reading() as connection:
        if current(connection) == HEAD:
            return  # the usual case, and Alembic's import is slow
    with database.writing() as connection:
        known = current(connection)
        if known is not None and known > HEAD:
            raise SchemaTooNew(f"The store has schema {known}, this Assay knows {HEAD}; upgrade Assay.")
        if known != HEAD:
            _migrate(connection)


def current(connection: Connection) -> str | None:
    """The revision of the store; None where it is empty."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 - a constant of ours


def _migrate(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - half a second that only a migration pays
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)
