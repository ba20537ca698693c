"""Forgets jobs of verbs that are done every few seconds: what came of each stands elsewhere."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from assay.store.work.queue import jobs


def thin(connection: Connection, verb: str, model: str, kept: int) -> None:
    """Deletes the jobs of a verb for a model that went well, but for the newest, within the caller's transaction."""
    mine = (jobs.c.verb == verb, jobs.c.model == model, jobs.c.state == "succeeded")
    last = select(jobs.c.id).where(*mine).order_by(jobs.c.id.desc()).offset(kept).limit(1)
    connection.execute(delete(jobs).where(*mine, jobs.c.id <= last.scalar_subquery()))
