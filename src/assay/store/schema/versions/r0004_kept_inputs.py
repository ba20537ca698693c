"""Kept inputs: items with the scores of every version, and rollouts that share the questions among versions."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds items, what was said of them, and the arms of experiments."""
    _create_items()
    _create_refusals_and_holds()
    _create_scores()
    _create_sweeps()
    _create_experiments()
    _create_features()
    op.add_column("outcomes", sa.Column("labels", sa.String))
    _index_the_queue()
    if op.get_bind().dialect.name == "postgresql":
        _compare_texts_byte_by_byte()


def _create_items() -> None:
    op.create_table(
        "items",
        sa.Column("sequence", sa.Integer, primary_key=True),  # the order of their coming, whatever the clocks say
        sa.Column("id", sa.String(32), nullable=False, unique=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("collection", sa.String(64), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("format", sa.String(8), nullable=False),
        sa.Column("rate", sa.Integer, nullable=False),
        sa.Column("channels", sa.Integer, nullable=False),
        sa.Column("frames", sa.BigInteger, nullable=False),
        sa.Column("notes", sa.String, nullable=False),
        sa.Column("origin", sa.String(16), nullable=False),
        sa.Column("place", sa.String, nullable=False),
        sa.Column("by", sa.String(128), nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("ending", sa.String(16), nullable=False),
        sa.Column("cleared_at", sa.BigInteger),
    )
    for index, columns, where in (
        ("ix_items_live", ["collection", "name"], "ended_at IS NULL"),
        ("ix_items_uncleared", ["sequence"], "ended_at IS NOT NULL AND cleared_at IS NULL"),
    ):
        op.create_index(
            index, "items", columns, unique=True, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
        )
    op.create_index("ix_items_name", "items", ["collection", "name", "sequence"])
    op.create_index("ix_items_newest", "items", ["collection", "id"])
    op.create_index(
        "ix_items_coming", "items", ["collection", "sequence"],
        sqlite_where=sa.text("ended_at IS NULL"), postgresql_where=sa.text("ended_at IS NULL"),
    )  # fmt: skip
    op.create_index("ix_items_digest", "items", ["digest"])


def _create_refusals_and_holds() -> None:
    op.create_table(
        "refusals",
        sa.Column("collection", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("place", sa.String, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("error", sa.String, nullable=False),
    )
    op.create_table(
        "holds",
        sa.Column("file", sa.String(64), primary_key=True),
        sa.Column("holder", sa.String(64), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
    )


def _create_scores() -> None:
    op.create_table(
        "scores",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("item", sa.String(32), nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("run", sa.BigInteger, nullable=False),
        sa.Column("seconds", sa.Integer, nullable=False),
        sa.Column("labels", sa.String, nullable=False),
        sa.Column("confidences", sa.LargeBinary, nullable=False),
        sa.Column("took_us", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("item", "model", "version", "run"),
    )
    op.create_index("ix_scores_item", "scores", ["item", "id"])
    op.create_table(
        "standings",
        sa.Column("item", sa.String(32), primary_key=True),
        sa.Column("model", sa.String(64), primary_key=True),
        sa.Column("score", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("run", sa.BigInteger, nullable=False),
        sa.Column("decision", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "failures",
        sa.Column("item", sa.String(32), primary_key=True),
        sa.Column("model", sa.String(64), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("retry_at", sa.BigInteger, nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("error", sa.String, nullable=False),
    )
    op.create_index("ix_failures_due", "failures", ["model", "version", "retry_at"])


def _create_sweeps() -> None:
    op.create_table(
        "sweeps",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("collection", sa.String(64), nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("run", sa.BigInteger, nullable=False),
        sa.Column("decision", sa.Integer, nullable=False),
        sa.Column("seen", sa.Integer, nullable=False),
        sa.Column("wanted", sa.Integer, nullable=False),
        sa.Column("pending", sa.Integer, nullable=False),
        sa.Column("finished_at", sa.BigInteger),
        sa.Column("scored", sa.Integer, nullable=False),
        sa.Column("failed", sa.Integer, nullable=False),
        sa.Column("took_us", sa.BigInteger, nullable=False),
        sa.Column("spent_us", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("retry_at", sa.BigInteger, nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("error", sa.String, nullable=False),
        sa.UniqueConstraint("collection", "model", "version", "run"),
    )


def _create_experiments() -> None:
    op.add_column("rollouts", sa.Column("experiment", sa.String(64)))
    op.add_column("rollouts", sa.Column("mode", sa.String(8), nullable=False, server_default="split"))
    op.add_column("rollouts", sa.Column("arms", sa.String, nullable=False, server_default="[]"))
    op.add_column("rollouts", sa.Column("shadows", sa.String, nullable=False, server_default="[]"))
    op.create_table(
        "shadows",
        sa.Column("rollout", sa.String(32), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("upto", sa.String(32), nullable=False),
        sa.Column("asked", sa.Integer, nullable=False),
        sa.Column("skipped", sa.Integer, nullable=False),
        sa.Column("reasons", sa.String, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.add_column("predictions", sa.Column("experiment", sa.String(64)))
    op.add_column("preparations", sa.Column("versions", sa.String, nullable=False, server_default="[]"))


def _create_features() -> None:
    op.create_table(
        "feature_rows",
        sa.Column("features", sa.String(64), primary_key=True),
        sa.Column("entity", sa.String(128), primary_key=True),
        sa.Column("at", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("told", sa.String, nullable=False),
        sa.Column("by", sa.String(128), nullable=False),
        sa.Column("ended_at", sa.BigInteger),
    )
    op.add_column("predictions", sa.Column("entity", sa.String(200)))
    known = sa.text("entity IS NOT NULL")
    op.create_index(
        "ix_predictions_entity", "predictions", ["entity", "id"], sqlite_where=known, postgresql_where=known
    )


def _index_the_queue() -> None:
    """Whoever looks for work of its verbs passes any number of others' by."""
    op.drop_index("ix_jobs_state", table_name="jobs")
    op.create_index("ix_jobs_queue", "jobs", ["state", "verb", "model", "run_after", "id"])


def _compare_texts_byte_by_byte() -> None:
    """As SQLite does, whatever language the database's other texts are sorted in."""
    found = sa.inspect(op.get_bind())
    for table in (
        "items",
        "refusals",
        "holds",
        "scores",
        "standings",
        "failures",
        "sweeps",
        "shadows",
        "rollouts",
        "feature_rows",
    ):
        for column in found.get_columns(table):
            if isinstance(column["type"], sa.String):
                op.alter_column(table, column["name"], type_=sa.String(collation="C"))
    grown = (
        ("predictions", "experiment"),
        ("predictions", "entity"),
        ("preparations", "versions"),
        ("outcomes", "labels"),
    )
    for table, name in grown:
        op.alter_column(table, name, type_=sa.String(collation="C"))
