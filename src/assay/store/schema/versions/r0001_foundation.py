"""The first schema: the record, the versions and who answers."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the first six tables."""
    op.create_table(
        "exchanges",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("method", sa.String(16), nullable=False),
        sa.Column("path", sa.String, nullable=False),
        sa.Column("query", sa.String, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("took_us", sa.BigInteger, nullable=False),
        sa.Column("request", sa.LargeBinary, nullable=False),
        sa.Column("response", sa.LargeBinary),
        sa.Column("request_size", sa.BigInteger, nullable=False),
        sa.Column("response_size", sa.BigInteger, nullable=False),
        sa.Column("response_digest", sa.String(64)),
        sa.Column("idempotency_key", sa.String),
        sa.Column("replay_of", sa.String(32)),
    )
    op.create_index(
        "ix_exchanges_idempotency_key", "exchanges", ["idempotency_key"], unique=True,
        sqlite_where=sa.text("idempotency_key IS NOT NULL"), postgresql_where=sa.text("idempotency_key IS NOT NULL"),
    )  # fmt: skip
    op.create_table(
        "predictions",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("question", sa.String, nullable=False),
        sa.Column("answer", sa.String, nullable=False),
        sa.Column("value", sa.Float(53)),
        sa.Column("took_us", sa.BigInteger, nullable=False),
        sa.Column("exchange", sa.String(32)),
        sa.Column("position", sa.Integer, nullable=False),
    )
    _create_versions()
    _create_datasets_and_evaluations()
    _create_rollouts()


def _create_versions() -> None:
    op.create_table(
        "versions",
        sa.Column("model", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("recipe", sa.String(128), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("dataset", sa.String(64), nullable=False),
        sa.Column("manifest", sa.String(64)),
        sa.Column("engine", sa.String(16), nullable=False),
        sa.Column("parameters", sa.String, nullable=False),
        sa.Column("metrics", sa.String, nullable=False),
        sa.Column("segments", sa.String, nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("code_digest", sa.String(64), nullable=False),
        sa.Column("libraries", sa.String, nullable=False),
        sa.Column("train_rows", sa.Integer, nullable=False),
        sa.Column("test_rows", sa.Integer, nullable=False),
        sa.Column("took_ms", sa.BigInteger, nullable=False),
        sa.Column("error", sa.String, nullable=False),
    )


def _create_datasets_and_evaluations() -> None:
    op.create_table(
        "datasets",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("model", sa.String(64), primary_key=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("removed", sa.Integer, nullable=False),
        sa.Column("columns", sa.String, nullable=False),
        sa.Column("removed_file", sa.String(64)),
    )
    op.create_table(
        "evaluations",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("dataset", sa.String(64), nullable=False),
        sa.Column("split", sa.String(16), nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("metrics", sa.String, nullable=False),
        sa.Column("segments", sa.String, nullable=False),
    )


def _create_rollouts() -> None:
    op.create_table(
        "rollouts",
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("id", sa.String(32), nullable=False, unique=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("previous", sa.Integer),
        sa.Column("by", sa.String(128), nullable=False),
        sa.Column("reason", sa.String, nullable=False),
    )
