"""How far a version is adds up: what is wanted is scored, failing or left, while it is worked on and after."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.app import Assay
from assay.app.items.outlook import VERB, Outlook
from assay.app.items.progress import State, progress, states, working
from assay.app.items.sweeping import Sweeping
from assay.domain.releases.rollout import Arm
from tests import stamped


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    with stamped.opened(tmp_path / "home") as opened:
        yield opened


def sweep(assay: Assay) -> None:
    Sweeping(assay, stamped.MODEL, stamped.Noted(), budget_s=60).run()


def all_states(assay: Assay) -> list[State]:
    return states(assay, assay.application.collection(stamped.COLLECTION))


def counts(assay: Assay) -> list[tuple[int, int, int, int, int]]:
    return [(one.version, one.wanted, one.scored, one.left, one.failing) for one in all_states(assay)]


def test_nobody_answers_nothing(assay: Assay) -> None:
    stamped.keep(assay, [1])
    assert all_states(assay) == []
    assert working(assay, stamped.MODEL) is None


def test_what_is_left_is_told_before_during_and_after(assay: Assay) -> None:
    kept = stamped.keep(assay, range(5))
    assay.artifacts.path(kept[0].digest).unlink()
    stamped.rule(assay, 1)
    assert counts(assay) == [(1, 5, 0, 5, 0)], "nobody has begun"
    sweep(assay)
    assert counts(assay) == [(1, 5, 4, 0, 1)]
    (found,) = all_states(assay)
    assert [(one.code, one.example) for one in found.reasons] == [("artifact_rejected", stamped.name(0))]
    assert found.rate is not None
    assert found.expected_at is None
    stamped.keep(assay, [8, 9])
    assert counts(assay) == [(1, 7, 4, 2, 1)]
    stamped.rule(assay, 2)
    assert counts(assay) == [(2, 7, 0, 7, 0)]
    stamped.rule(assay, 1)
    assert counts(assay) == [(1, 7, 4, 2, 1)], "its sets are there"


def test_a_share_of_the_items_is_counted_as_such(assay: Assay) -> None:
    kept = stamped.keep(assay, range(20))
    arms = (Arm(version=1, share=0.5), Arm(version=2, share=0.5))
    rollout = stamped.rule(assay, 1, experiment="x", arms=arms)
    mine = sum(rollout.choose(one.digest) == 1 for one in kept)
    assert counts(assay) == [(1, mine, 0, mine, 0), (2, 20 - mine, 0, 20 - mine, 0)]
    sweep(assay)
    (late,) = stamped.keep(assay, [30])
    first = rollout.choose(late.digest) == 1
    assert counts(assay) == [
        (1, mine + first, mine, int(first), 0), (2, 21 - mine - first, 20 - mine, int(not first), 0),
    ]  # fmt: skip


def test_while_a_job_runs_its_end_is_expected(assay: Assay) -> None:
    stamped.keep(assay, range(4))
    stamped.rule(assay, 1)
    sweep(assay)
    stamped.keep(assay, [9])
    Outlook(assay).ask(stamped.MODEL, "me")
    (queued,) = all_states(assay)
    assert (queued.job is not None, queued.expected_at) == (True, None)
    assay.jobs.claim("me", (VERB,), 60)
    (running,) = all_states(assay)
    assert running.expected_at is not None
    assert running.expected_at > assay.sweeps.now() - 1_000_000


def test_in_brief_it_is_what_collections_tell(assay: Assay) -> None:
    stamped.keep(assay, range(3))
    stamped.rule(assay, 1)
    (before,) = progress(assay, assay.application.collection(stamped.COLLECTION))
    assert (before.model, before.version, before.items, before.scored, before.began_at) == ("notes", 1, 3, 0, None)
    sweep(assay)
    (after,) = progress(assay, assay.application.collection(stamped.COLLECTION))
    assert (after.items, after.scored, after.failed, after.finished_at is not None) == (3, 3, 0, True)
