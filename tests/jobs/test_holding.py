"""Batches keep their lease for as long as they are held, also while the store is away, and no longer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from assay.jobs.holding import Holding
from assay.store.database import Database
from assay.store.work.claiming import Claiming
from tests.asked import STONE, answers, claim, queued

LEASE_S = 0.6


@pytest.fixture
def claiming(database: Database) -> Claiming:
    return Claiming(database)


@pytest.fixture
def holding(claiming: Claiming) -> Iterator[Holding]:
    made = Holding(claiming, LEASE_S)
    made.start()
    yield made
    made.stop()
    made.join(5)


def test_what_is_held_stays_ours(database: Database, claiming: Claiming, holding: Holding) -> None:
    queued(database, 3)
    batch = claim(claiming, lease_s=LEASE_S)
    holding.hold(batch)
    assert holding.under_way() == [batch]
    until = time.monotonic() + 2 * LEASE_S
    while time.monotonic() < until:
        assert not claiming.is_due(STONE)
        time.sleep(0.05)
    assert claiming.finish(batch, answers(batch)) == []


def test_what_is_let_go_is_soon_anybodys(database: Database, claiming: Claiming, holding: Holding) -> None:
    queued(database)
    batch = claim(claiming, lease_s=LEASE_S)
    holding.hold(batch)
    holding.let_go(batch)
    assert holding.under_way() == []
    time.sleep(2 * LEASE_S)
    assert claiming.is_due(STONE)


def test_what_somebody_else_has_taken_is_not_held_any_more(
    database: Database, claiming: Claiming, holding: Holding
) -> None:
    queued(database)
    batch = claim(claiming, lease_s=0.001)
    time.sleep(0.01)
    claim(claiming)
    holding.hold(batch)
    until = time.monotonic() + 20
    while holding.under_way():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_store_that_is_away_for_a_while_costs_no_lease(
    database: Database, claiming: Claiming, holding: Holding, away: Callable[[], AbstractContextManager[None]]
) -> None:
    queued(database)
    batch = claim(claiming, lease_s=LEASE_S)
    holding.hold(batch)
    with away():
        time.sleep(LEASE_S / 3)
    time.sleep(LEASE_S / 3)
    assert not claiming.is_due(STONE)
