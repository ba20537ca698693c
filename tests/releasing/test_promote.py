"""Who answers is decided by proof and by the metric in its own direction, and never changes otherwise."""

from __future__ import annotations

from typing import Any

import pytest

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
from assay.releasing.promote import Releaser
from assay.store import versions as table
from assay.store.database import Database
from assay.store.rollouts import Rollouts
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
def releaser(versions: Versions, rollouts: Rollouts, verification: Verification) -> Releaser:
    return Releaser(versions, rollouts, verification)


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


@pytest.mark.parametrize(
    ("metric", "values", "best"),
    [
        ("mae", (30.0, 10.0, 20.0), 2), ("rmse", (1.0, 2.0), 1), ("mape", (0.3, 0.2), 2), ("r2", (0.1, 0.9, 0.5), 2),
        ("r2", (-0.5, -0.1, -0.9), 2), ("r2", (-3.0,), 1), ("mae", (0.0, 5.0), 1),
    ],
)  # fmt: skip
def test_the_best_by_the_metrics_direction_is_chosen(
    database: Database, releaser: Releaser, metric: str, values: tuple[float, ...], best: int
) -> None:
    decided = releaser.promote_best(candidates(database, metric, *values), metric=metric, champion_value=None, by="x")
    assert decided is not None
    assert decided.version == best
    assert metric in decided.reason


@pytest.mark.parametrize(
    ("metric", "champion", "value", "taken"),
    [("mae", 10.0, 9.0, True), ("mae", 10.0, 11.0, False), ("mae", 10.0, 10.0, False), ("r2", 0.5, 0.6, True),
     ("r2", 0.5, 0.4, False), ("r2", -0.5, -0.4, True), ("r2", -0.4, -0.5, False)],
)  # fmt: skip
def test_only_who_is_better_than_the_champion_takes_over(
    database: Database, releaser: Releaser, metric: str, champion: float, value: float, taken: bool
) -> None:
    decided = releaser.promote_best(candidates(database, metric, value), metric=metric, champion_value=champion, by="x")
    assert (decided is not None) == taken


def test_if_the_best_is_broken_the_next_best_answers(
    database: Database, releaser: Releaser, verification: Verification, versions: Versions
) -> None:
    verification.refused[2] = ArtifactRejected("damaged")
    decided = releaser.promote_best(
        candidates(database, "mae", 3.0, 1.0, 2.0), metric="mae", champion_value=None, by="x"
    )
    assert decided is not None
    assert decided.version == 3
    assert versions.find("stone", 2).status == "broken"


def test_where_none_is_ready_nobody_is_promoted(database: Database, releaser: Releaser) -> None:
    assert releaser.promote_best([], metric="mae", champion_value=None, by="x") is None
    failed = [add(database, status="failed", metrics={})]
    assert releaser.promote_best(failed, metric="mae", champion_value=None, by="x") is None


def test_a_version_for_which_the_metric_is_not_defined_ranks_last(database: Database, releaser: Releaser) -> None:
    decided = releaser.promote_best(candidates(database, "r2", None, 0.5), metric="r2", champion_value=None, by="x")
    assert decided is not None
    assert decided.version == 2
