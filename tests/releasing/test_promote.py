"""Who answers is decided by proof and by the metric in its own direction, and never changes otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from assay.clock import new_id, now_us
from assay.domain.releases.rollout import Rollout
from assay.domain.releases.verdict import Check, Outcome, Verdict
from assay.domain.version import Version
from assay.errors import (
    ArtifactRejected,
    AssayError,
    ModelFailed,
    ModelTimedOut,
    NothingReleased,
    VersionNotFound,
    VersionRejected,
)
from assay.releasing.prepare import Switch
from assay.releasing.promote import Releaser
from assay.store import versions as table
from assay.store.database import Database
from assay.store.releases.rollouts import Rollouts
from assay.store.versions import Versions
from tests import rows


class Verification:
    """Refuses the versions that the test names, and remembers whom it looked at."""

    def __init__(self) -> None:
        self.refused: dict[int, AssayError] = {}
        self.seen: list[int] = []

    def __call__(self, version: Version) -> None:
        self.seen.append(version.number)
        if version.number in self.refused:
            raise self.refused[version.number]


@pytest.fixture
def verification() -> Verification:
    return Verification()


@pytest.fixture
def releaser(versions: Versions, rollouts: Rollouts, verification: Verification, switch: Switch) -> Releaser:
    return Releaser(versions, rollouts, verification, switch)


def add(database: Database, **told: Any) -> Version:
    with database.writing() as connection:
        return table.add(connection, rows.version(**told))


def candidates(database: Database, metric: str, *values: float | None) -> list[Version]:
    return [add(database, metrics={} if value is None else {metric: value}) for value in values]


def test_a_version_that_passes_answers_from_now_on(database: Database, releaser: Releaser, rollouts: Rollouts) -> None:
    first, second = add(database), add(database)
    releaser.promote("stone", first.number, by="me", reason="first")
    decided = releaser.promote("stone", second.number, by="you")
    assert (decided.version, decided.previous, decided.by) == (2, 1, "you")
    assert rollouts.ruling("stone") == decided
    assert [one.reason for one in rollouts.history("stone")] == ["promoted by hand", "first"]


def test_who_answers_already_is_not_promoted_again(
    database: Database, releaser: Releaser, rollouts: Rollouts, verification: Verification
) -> None:
    add(database)
    decided = releaser.promote("stone", 1, by="me")
    assert releaser.promote("stone", 1, by="me") == decided
    assert len(rollouts.history("stone")) == 1
    assert verification.seen == [1]


@pytest.mark.parametrize(
    "refusal",
    [ArtifactRejected("damaged"), VersionRejected("golden"), ModelFailed("no answer"), ModelTimedOut("too slow")],
    ids=lambda refusal: type(refusal).__name__,
)
def test_a_version_that_does_not_pass_is_marked_and_changes_nothing_else(
    database: Database, releaser: Releaser, rollouts: Rollouts, versions: Versions, verification: Verification, refusal: AssayError
) -> None:  # fmt: skip
    add(database)
    add(database)
    ruling = releaser.promote("stone", 1, by="me")
    verification.refused[2] = refusal
    with pytest.raises(type(refusal)):
        releaser.promote("stone", 2, by="me")
    assert rollouts.ruling("stone") == ruling
    assert (versions.find("stone", 2).status, versions.find("stone", 2).error) == ("broken", str(refusal))
    assert versions.find("stone", 1).status == "ready"
    with pytest.raises(VersionRejected, match="broken"):
        releaser.promote("stone", 2, by="me")


@pytest.mark.parametrize("status", ["failed", "broken"])
def test_what_is_not_ready_is_not_even_looked_at(
    database: Database, releaser: Releaser, verification: Verification, status: str
) -> None:
    add(database, status=status, error="it was dark")
    with pytest.raises(VersionRejected, match="it was dark"):
        releaser.promote("stone", 1, by="me")
    assert verification.seen == []


def test_a_version_that_is_not_there_cannot_be_promoted(releaser: Releaser) -> None:
    with pytest.raises(VersionNotFound):
        releaser.promote("stone", 1, by="me")


def test_rolling_back_gives_the_word_to_who_had_it_before(database: Database, releaser: Releaser) -> None:
    for number in (1, 2, 3):
        add(database)
        releaser.promote("stone", number, by="me")
    decided = releaser.rollback("stone", by="me")
    assert (decided.version, decided.previous, decided.reason) == (2, 3, "rolled back from version 3")
    assert releaser.rollback("stone", by="me").version == 3


def test_where_nobody_or_only_one_ever_answered_there_is_nothing_to_go_back_to(
    database: Database, releaser: Releaser
) -> None:
    with pytest.raises(NothingReleased):
        releaser.rollback("stone", by="me")
    add(database)
    releaser.promote("stone", 1, by="me")
    with pytest.raises(VersionRejected, match="No other sound version than 1"):
        releaser.rollback("stone", by="me")


def test_a_way_back_passes_over_versions_that_did_harm(database: Database, releaser: Releaser) -> None:
    for number in (1, 2, 3):
        releaser.promote("stone", add(database).number, by="me")
        assert number
    assert releaser.rollback("stone", by="me", without=(2,)).version == 1


def judged(**outcomes: Outcome) -> Callable[[Version], Verdict]:
    """A gate that passes everybody but those versions (v1, v2, ...) of which the test says otherwise."""

    def judge(version: Version) -> Verdict:
        outcome = outcomes.get(f"v{version.number}", "passed")
        check = Check(name="metric", passed=outcome != "failed", detail=f"version {version.number} was looked at")
        return Verdict(
            id=new_id(),
            at=now_us(),
            model="stone",
            version=version.number,
            kind="gate",
            outcome=outcome,
            checks=(check,),
        )

    return judge


@pytest.mark.parametrize(
    ("metric", "values", "best"),
    [
        ("mae", (30.0, 10.0, 20.0), 2), ("rmse", (1.0, 2.0), 1), ("mape", (0.3, 0.2), 2), ("r2", (0.1, 0.9, 0.5), 2),
        ("r2", (-0.5, -0.1, -0.9), 2), ("r2", (-3.0,), 1), ("mae", (0.0, 5.0), 1), ("r2", (None, 0.5), 2),
    ],
)  # fmt: skip
def test_the_best_by_the_metrics_direction_is_chosen(
    database: Database, releaser: Releaser, metric: str, values: tuple[float | None, ...], best: int
) -> None:
    decided = releaser.release(candidates(database, metric, *values), metric=metric, judge=judged(), by="x")
    assert isinstance(decided, Rollout)
    assert decided.version == best
    assert decided.reason == f"version {best} was looked at"


def test_who_does_not_pass_the_gate_leaves_its_chance_to_the_next(
    database: Database, releaser: Releaser, rollouts: Rollouts
) -> None:
    offered = candidates(database, "mae", 3.0, 1.0, 2.0)
    decided = releaser.release(offered, metric="mae", judge=judged(v2="failed"), by="x")
    assert isinstance(decided, Rollout)
    assert decided.version == 3
    told = releaser.release(offered, metric="mae", judge=judged(v1="failed", v2="failed", v3="failed"), by="x")
    assert told == "because version 2, the best of them, did not pass the gate: version 2 was looked at"
    assert len(rollouts.history("stone")) == 1


def test_who_waits_for_approval_is_neither_promoted_nor_passed_over(
    database: Database, releaser: Releaser, rollouts: Rollouts
) -> None:
    told = releaser.release(candidates(database, "mae", 3.0, 1.0), metric="mae", judge=judged(v2="waiting"), by="x")
    assert isinstance(told, str)
    assert "version 2" in told
    assert "assay approve" in told
    assert rollouts.history("stone") == []


def test_if_the_best_is_broken_the_next_best_answers(
    database: Database, releaser: Releaser, verification: Verification, versions: Versions
) -> None:
    verification.refused[2] = ArtifactRejected("damaged")
    decided = releaser.release(candidates(database, "mae", 3.0, 1.0, 2.0), metric="mae", judge=judged(), by="x")
    assert isinstance(decided, Rollout)
    assert decided.version == 3
    assert versions.find("stone", 2).status == "broken"


def test_where_none_is_ready_nobody_is_promoted(database: Database, releaser: Releaser) -> None:
    for offered in ([], [add(database, status="failed", metrics={})]):
        told = releaser.release(offered, metric="mae", judge=judged(), by="x")
        assert told == "because no new version can answer"


def test_whom_a_version_was_judged_against_must_still_rule_when_it_takes_over(
    database: Database, releaser: Releaser, rollouts: Rollouts
) -> None:
    first, second, third = (add(database, metrics={"mae": 1.0}) for _ in range(3))
    releaser.promote("stone", first.number, by="me")

    def judge(version: Version) -> Verdict:
        releaser.promote("stone", third.number, by="somebody quicker")
        return judged()(version)

    told = releaser.release([second], metric="mae", judge=judge, by="x")
    assert isinstance(told, str)
    assert "somebody decided otherwise meanwhile" in told
    ruling = rollouts.ruling("stone")
    assert ruling is not None
    assert ruling.version == third.number
