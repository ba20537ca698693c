"""Alembic's way in: runs the revisions on the connection, and in the transaction, that the caller opened."""

from alembic import context

from assay.store.database import metadata
from assay.store.schema import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table=VERSION_TABLE,
    transactional_ddl=False,  # the caller's transaction is the one transaction
)  # fmt: skip
context.run_migrations()
