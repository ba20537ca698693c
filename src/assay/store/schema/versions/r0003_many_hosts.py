"""Many hosts: the record is found by version and by exchange however long it has grown, and its ids sort by their bytes."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

IDS = (("exchanges", "id"), ("predictions", "id"), ("predictions", "exchange"))


def upgrade() -> None:
    """Adds the indexes of the record."""
    if op.get_bind().dialect.name == "postgresql":
        for table, column in IDS:
            op.alter_column(table, column, type_=sa.String(32, collation="C"))
    op.create_index("ix_predictions_version", "predictions", ["model", "version", "role", "id"])
    op.create_index("ix_predictions_exchange", "predictions", ["exchange"])
    op.create_index(
        "ix_exchanges_refused", "exchanges", ["status", "id"],
        sqlite_where=sa.text("status >= 400"), postgresql_where=sa.text("status >= 400"),
    )  # fmt: skip
