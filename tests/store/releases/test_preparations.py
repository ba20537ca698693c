"""A preparation: open until it is decided or given up, and everybody's word on it is kept."""

from __future__ import annotations

import pytest

from assay.errors import PromotionInProgress
from assay.store.database import Database
from assay.store.releases.preparations import Preparation, Preparations, settle

ME = ("here", "now", 7)


def never(_open: Preparation) -> bool:
    return False


def test_what_is_proposed_is_open_and_the_newest(database: Database) -> None:
    preparations = Preparations(database)
    assert preparations.newest() == 0
    made = preparations.propose("stone", 2, by="me", who=ME, left=never)
    assert preparations.newest() == made.sequence
    assert preparations.open() == [made]


def test_of_one_model_only_one_is_open(database: Database) -> None:
    preparations = Preparations(database)
    first = preparations.propose("stone", 2, by="me", who=ME, left=never)
    preparations.propose("glass", 9, by="me", who=ME, left=never)
    with pytest.raises(PromotionInProgress, match="Version 2 of 'stone'"):
        preparations.propose("stone", 3, by="you", who=ME, left=never)
    overtaking = preparations.propose("stone", 3, by="you", who=ME, left=lambda _: True)
    assert [one.id for one in preparations.open() if one.model == "stone"] == [overtaking.id]
    assert first.id != overtaking.id


def test_what_was_left_open_for_too_long_gives_way(database: Database) -> None:
    preparations = Preparations(database)
    preparations.propose("stone", 2, by="me", who=ME, left=never)
    later = preparations.propose("stone", 3, by="you", who=ME, left=lambda one: one.pid == 7)
    assert [one.id for one in preparations.open()] == [later.id]


def test_the_first_word_of_a_process_counts(database: Database) -> None:
    preparations = Preparations(database)
    made = preparations.propose("stone", 2, by="me", who=ME, left=never)
    preparations.acknowledge(made.id, "a")
    preparations.acknowledge(made.id, "b", "no memory")
    preparations.acknowledge(made.id, "b")
    assert preparations.acknowledged(made.id) == {"a": "", "b": "no memory"}


def test_it_is_settled_once(database: Database) -> None:
    preparations = Preparations(database)
    made = preparations.propose("stone", 2, by="me", who=ME, left=never)
    with database.writing() as connection:
        assert settle(connection, made.id, "committed", "")
        assert not settle(connection, made.id, "aborted", "too late")
    preparations.abort(made.id, "also too late")
    assert preparations.open() == []


def test_several_versions_are_prepared_together(database: Database) -> None:
    preparations = Preparations(database)
    one = preparations.propose("stone", 2, by="me", who=ME, left=never)
    other = preparations.propose("glass", 2, by="me", who=ME, left=never, versions=(2, 5, 7))
    assert [found.wanted for found in preparations.open()] == [(2,), (2, 5, 7)]
    assert preparations.open() == [one, other]
