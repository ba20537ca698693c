"""The living model: jobs and their schedules, verdicts before promotions, datasets that grow, and the audit of all control."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds what happens without anybody's hand."""
    _create_jobs()
    _create_schedules_and_trials()
    _create_releases()
    _create_given_rows()
    for column in (
        sa.Column("parent", sa.String(64)),
        sa.Column("fresh", sa.Integer, nullable=False, server_default="0"),
        sa.Column("held_out", sa.Integer, nullable=False, server_default="0"),
        sa.Column("duplicates", sa.Integer, nullable=False, server_default="0"),
        sa.Column("parts", sa.String, nullable=False, server_default="[]"),
        sa.Column("profile", sa.String, nullable=False, server_default="{}"),
        sa.Column("learnt_by", sa.String(64)),
    ):
        op.add_column("datasets", column)
    op.add_column("versions", sa.Column("label", sa.String(128)))
    op.create_index("ix_versions_label", "versions", ["label"])
    op.create_table(
        "audit",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("by", sa.String(128), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(256), nullable=False),
        sa.Column("before", sa.String),
        sa.Column("after", sa.String),
        sa.Column("reason", sa.String, nullable=False),
    )


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("verb", sa.String(32), nullable=False),
        sa.Column("model", sa.String(64)),
        sa.Column("key", sa.String(256), unique=True),
        sa.Column("arguments", sa.String, nullable=False),
        sa.Column("by", sa.String(128), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("run_after", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("max_attempts", sa.Integer, nullable=False),
        sa.Column("token", sa.String(32)),
        sa.Column("worker", sa.String(128)),
        sa.Column("lease_until", sa.BigInteger),
        sa.Column("lease_boot", sa.String(64)),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("finished_at", sa.BigInteger),
        sa.Column("cancel_requested", sa.Boolean, nullable=False),
        sa.Column("stage", sa.String, nullable=False),
        sa.Column("done", sa.Integer, nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("log", sa.String, nullable=False),
        sa.Column("result", sa.String),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("error", sa.String, nullable=False),
    )
    op.create_index("ix_jobs_state", "jobs", ["state", "run_after"])


def _create_schedules_and_trials() -> None:
    op.create_table(
        "schedules",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("rule", sa.String, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("slot", sa.BigInteger),
    )
    op.create_table(
        "trials",
        sa.Column("study", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("value", sa.Float(53)),
        sa.Column("parameters", sa.String, nullable=False),
        sa.Column("distributions", sa.String, nullable=False),
        sa.Column("steps", sa.String, nullable=False),
        sa.Column("took_ms", sa.BigInteger, nullable=False),
    )


def _create_releases() -> None:
    op.create_table(
        "processes",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("host", sa.String(128), nullable=False),
        sa.Column("boot", sa.String(64), nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "preparations",
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("id", sa.String(32), nullable=False, unique=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("by", sa.String(128), nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("host", sa.String(128), nullable=False),
        sa.Column("boot", sa.String(64), nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
    )
    op.create_table(
        "acknowledgements",
        sa.Column("preparation", sa.String(32), primary_key=True),
        sa.Column("process", sa.String(32), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("error", sa.String, nullable=False),
    )
    _create_verdicts()


def _create_verdicts() -> None:
    op.create_table(
        "verdicts",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("against", sa.Integer),
        sa.Column("dataset", sa.String(64)),
        sa.Column("checks", sa.String, nullable=False),
        sa.Column("evidence", sa.String, nullable=False),
        sa.Column("by", sa.String(128), nullable=False),
    )
    op.create_index("ix_verdicts_model", "verdicts", ["model", "version"])


def _create_given_rows() -> None:
    op.create_table(
        "named_datasets",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("id", sa.String(32), nullable=False, unique=True),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("deleted_at", sa.BigInteger),
    )
    op.create_table(
        "uploads",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("dataset", sa.String(64), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("file", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("format", sa.String(16), nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("removed", sa.Integer, nullable=False),
        sa.Column("faults", sa.String, nullable=False),
        sa.Column("by", sa.String(128), nullable=False),
        sa.UniqueConstraint("dataset", "file"),
    )
    op.create_table(
        "queries",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("closed_at", sa.BigInteger),
    )
    op.create_table(
        "query_batches",
        sa.Column("query", sa.String(32), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("first", sa.String(32), nullable=False),
        sa.Column("predictions", sa.String, nullable=False),
    )
