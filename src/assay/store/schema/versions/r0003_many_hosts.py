"""Many hosts: the record is found by version and exchange however long it is, and the truth about predictions is kept."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# 0002 grew by these while it was made; a store that was begun before it had them has it without
GREW_BY: tuple[tuple[str, str, Any, dict[str, Any]], ...] = (
    ("preparations", "host", sa.String(128), {"nullable": False, "server_default": ""}),
    ("preparations", "boot", sa.String(64), {"nullable": False, "server_default": ""}),
    ("preparations", "pid", sa.Integer, {"nullable": False, "server_default": "0"}),
    ("datasets", "learnt_by", sa.String(64), {}),
)


def upgrade() -> None:
    """Adds the indexes of the record, and outcomes."""
    known = sa.inspect(op.get_bind())
    for table, name, kind, told in GREW_BY:
        if name not in {one["name"] for one in known.get_columns(table)}:
            op.add_column(table, sa.Column(name, kind, **told))
    _create_outcomes()
    if op.get_bind().dialect.name == "postgresql":
        _keep_texts_as_sqlite_does()
    op.create_index("ix_predictions_version", "predictions", ["model", "version", "role", "id"])
    op.create_index("ix_predictions_exchange", "predictions", ["exchange"])
    op.create_index(
        "ix_exchanges_refused", "exchanges", ["status", "id"],
        sqlite_where=sa.text("status >= 400"), postgresql_where=sa.text("status >= 400"),
    )  # fmt: skip


def _create_outcomes() -> None:
    op.create_table(
        "outcomes",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("prediction", sa.String(32), nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("value", sa.Float(53), nullable=False),
        sa.Column("observed_at", sa.BigInteger, nullable=False),
        sa.Column("exchange", sa.String(32)),
    )
    op.create_index("ix_outcomes_prediction", "outcomes", ["prediction", "id"])
    op.create_index("ix_outcomes_model", "outcomes", ["model", "id"])


def _keep_texts_as_sqlite_does() -> None:
    """Of any length, and compared byte by byte, whatever language the database's other texts are sorted in."""
    found = sa.inspect(op.get_bind())
    for table in found.get_table_names():
        for column in found.get_columns(table):
            if isinstance(column["type"], sa.String):
                op.alter_column(table, column["name"], type_=sa.String(collation="C"))
