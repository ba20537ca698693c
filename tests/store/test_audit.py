"""The audit: an entry is there if, and only if, its change is."""

from __future__ import annotations

import pytest

from assay.store.audit import Audit, note
from assay.store.database import Database
from assay.store.paging import Window
from assay.store.releases.rollouts import Rollouts
from tests import rows


def test_what_is_noted_is_found_newest_first(database: Database) -> None:
    with database.writing() as connection:
        note(connection, "dataset.create", "stones", by="me", after={"model": "stone"})
        note(connection, "dataset.delete", "stones", by="you", before={"rows": 3}, reason="old")
    deleted, created = Audit(database).page(Window()).entries
    assert (created.action, created.subject, created.by, created.after) == (
        "dataset.create", "stones", "me", {"model": "stone"},
    )  # fmt: skip
    assert (created.before, created.reason) == (None, "")
    assert (deleted.before, deleted.after, deleted.reason) == ({"rows": 3}, None, "old")


def test_filters_narrow(database: Database) -> None:
    with database.writing() as connection:
        note(connection, "dataset.create", "stones", by="me")
        note(connection, "dataset.create", "glass", by="me")
        note(connection, "job.cancel", "glass", by="me")
    audit = Audit(database)
    assert {one.subject for one in audit.page(Window(), action="dataset.create").entries} == {"stones", "glass"}
    assert {one.action for one in audit.page(Window(), subject="glass").entries} == {"dataset.create", "job.cancel"}


def test_a_change_that_fails_leaves_no_entry(database: Database) -> None:
    with pytest.raises(RuntimeError), database.writing() as connection:
        note(connection, "dataset.create", "stones", by="me")
        raise RuntimeError
    assert Audit(database).page(Window()).entries == []


def test_every_decision_who_answers_is_in_it(database: Database) -> None:
    rollouts = Rollouts(database)
    rollouts.append(rows.rollout(1))
    rollouts.append(rows.rollout(2))
    second, first = Audit(database).page(Window(), action="promote").entries
    assert (first.before, first.after, first.subject) == (None, 1, "stone")
    assert (second.before, second.after) == (1, 2)
