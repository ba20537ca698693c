"""An experiment is proved and prepared like a promotion, keeps its rules, and ends by whatever decides anew who answers."""

from __future__ import annotations

import threading
from typing import Any

import msgspec
import pytest

from assay.domain.question.contract import Contract
from assay.domain.question.field import Field
from assay.domain.releases.rollout import Arm, Rollout
from assay.domain.releases.verdict import Verdict
from assay.domain.version import Version
from assay.errors import (
    AssayError,
    ExperimentInvalid,
    ExperimentNotFound,
    ExperimentRunning,
    NothingReleased,
    PromotionOvertaken,
    VersionNotFound,
    VersionNotReady,
    VersionRejected,
)
from assay.releasing.experiment import Experimenter, Plan
from assay.releasing.prepare import Switch
from assay.releasing.promote import Releaser
from assay.store import versions as table
from assay.store.audit import Audit
from assay.store.database import Database
from assay.store.paging import Window
from assay.store.releases.preparations import Preparations
from assay.store.releases.processes import Processes
from assay.store.releases.rollouts import Rollouts
from assay.store.versions import Versions
from tests import rows, tiny
from tests.releasing.test_prepare import meanwhile, member

HALVES = (Arm(version=1, share=0.5), Arm(version=2, share=0.5))


class Proofs:
    """Says of a version whatever the test wants, and remembers who was looked at."""

    def __init__(self) -> None:
        self.refused: dict[int, AssayError] = {}
        self.contracts: dict[int, Contract] = {}
        self.seen: list[int] = []

    def verify(self, version: Version) -> None:
        self.seen.append(version.number)
        if version.number in self.refused:
            raise self.refused[version.number]

    def contract(self, version: Version) -> Contract:
        return self.contracts.get(version.number, tiny.CONTRACT)


@pytest.fixture
def proofs() -> Proofs:
    return Proofs()


@pytest.fixture
def experimenter(versions: Versions, rollouts: Rollouts, proofs: Proofs, switch: Switch) -> Experimenter:
    return Experimenter(versions, rollouts, proofs.verify, proofs.contract, switch)


@pytest.fixture
def releaser(versions: Versions, rollouts: Rollouts, proofs: Proofs, switch: Switch) -> Releaser:
    return Releaser(versions, rollouts, proofs.verify, switch)


@pytest.fixture(autouse=True)
def ruling(database: Database, rollouts: Rollouts) -> Rollout:
    """Five versions, of which the first rules."""
    with database.writing() as connection:
        for _ in range(12):
            table.add(connection, rows.version())
    return rollouts.append(rows.rollout(1))


def told(database: Database) -> Any:
    """The newest line of the audit."""
    return Audit(database).page(Window(limit=1)).entries[0]


def test_an_experiment_begins_with_proof_of_everybody_new(
    experimenter: Experimenter, rollouts: Rollouts, proofs: Proofs, database: Database
) -> None:
    decided = experimenter.start("stone", Plan(arms=HALVES, shadows=(3, 4), name="checkout"), by="me")
    assert rollouts.ruling("stone") == decided
    assert (decided.version, decided.previous, decided.experiment, decided.mode) == (1, 1, "checkout", "split")
    assert (decided.arms, decided.shadows, decided.reason) == (HALVES, (3, 4), "experiment checkout")
    assert proofs.seen == [2, 3, 4], "who answers already is proved"
    line = told(database)
    assert (line.action, line.by, line.before) == ("experiment", "me", 1)
    assert line.after["arms"] == [{"version": 1, "share": 0.5}, {"version": 2, "share": 0.5}]


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (Plan(), "2 to 8 arms"),
        (Plan(arms=HALVES[:1]), "2 to 8 arms"),
        (Plan(arms=(*HALVES[:1], *HALVES[:1])), "each a version of its own"),
        (Plan(arms=tuple(Arm(version=one, share=1 / 9) for one in range(1, 10))), "2 to 8 arms"),
        (Plan(arms=(Arm(version=2, share=0.5), Arm(version=3, share=0.5))), "must be version 1"),
        (Plan(arms=(Arm(version=1, share=0.5), Arm(version=2, share=0.4))), "come to 0.9"),
        (Plan(arms=(Arm(version=1, share=0.5), Arm(version=2, share=0.5 + 1e-8))), "come to 1"),
        (Plan(arms=(Arm(version=1, share=1.0), Arm(version=2, share=0.0))), "above 0"),
        (Plan(arms=(Arm(version=1, share=2.0), Arm(version=2, share=-1.0))), "above 0"),
        (Plan(arms=(Arm(version=1, share=float("nan")), Arm(version=2, share=0.5))), "above 0"),
        (Plan(arms=HALVES, shadows=(2,)), "does not answer"),
        (Plan(shadows=(1,)), "does not answer"),
        (Plan(arms=HALVES, shadows=(3, 3)), "each told once"),
        (Plan(arms=HALVES, shadows=(3, 4, 5, 6, 7)), "at most 4"),
        (Plan(arms=HALVES, name=""), "1 to 64"),
        (Plan(arms=HALVES, name="a b"), "1 to 64"),
        (Plan(arms=HALVES, name="x" * 65), "1 to 64"),
        (Plan(arms=HALVES, mode="some"), '"split" or "all"'),  # type: ignore[arg-type]  # as a client may say it
    ],
)
def test_a_plan_that_breaks_a_rule_changes_nothing(
    experimenter: Experimenter, rollouts: Rollouts, ruling: Rollout, plan: Plan, said: str
) -> None:
    with pytest.raises(ExperimentInvalid, match=said):
        experimenter.start("stone", plan, by="me")
    assert rollouts.ruling("stone") == ruling


def test_shares_may_miss_one_by_what_rounding_leaves(experimenter: Experimenter) -> None:
    arms = tuple(Arm(version=number, share=0.1) for number in range(1, 9))
    arms = (*arms[:7], Arm(version=8, share=0.3 + 1e-10))
    assert experimenter.start("stone", Plan(arms=arms), by="me").arms == arms


def test_shadows_need_no_arms(experimenter: Experimenter) -> None:
    decided = experimenter.start("stone", Plan(shadows=(2,)), by="me")
    assert (decided.answering, decided.shadows) == ((1,), (2,))


def test_names_are_given_and_never_twice(experimenter: Experimenter) -> None:
    for name in ("experiment-1", "experiment-2"):
        assert experimenter.start("stone", Plan(arms=HALVES), by="me").experiment == name
        experimenter.stop("stone", by="me")
    with pytest.raises(ExperimentInvalid, match="fall to the same sides again"):
        experimenter.start("stone", Plan(arms=HALVES, name="experiment-1"), by="me")


def test_a_version_that_cannot_answer_takes_no_part(
    experimenter: Experimenter, proofs: Proofs, versions: Versions, rollouts: Rollouts, ruling: Rollout
) -> None:
    proofs.refused[2] = VersionRejected("golden")
    with pytest.raises(VersionRejected, match="golden"):
        experimenter.start("stone", Plan(arms=HALVES), by="me")
    assert versions.find("stone", 2).status == "broken"
    with pytest.raises(VersionRejected, match="broken"):
        experimenter.start("stone", Plan(shadows=(2,)), by="me")
    with pytest.raises(VersionNotFound):
        experimenter.start("stone", Plan(shadows=(99,)), by="me")
    assert rollouts.ruling("stone") == ruling


def test_who_is_asked_something_else_cannot_stand_in(experimenter: Experimenter, proofs: Proofs) -> None:
    more = {**tiny.FIELDS, "depth": Field(kind="number")}
    proofs.contracts[2] = msgspec.structs.replace(tiny.CONTRACT, fields=more)
    target = msgspec.structs.replace(tiny.CONTRACT.target, labels=("cheap", "dear"))
    proofs.contracts[3] = msgspec.structs.replace(tiny.CONTRACT, target=target)
    wider = {**tiny.FIELDS, "carat": Field(kind="number", above=0, at_most=50)}
    proofs.contracts[4] = msgspec.structs.replace(tiny.CONTRACT, fields=wider)
    for number in (2, 3):
        with pytest.raises(ExperimentInvalid, match=f"Version {number} is asked other questions"):
            experimenter.start("stone", Plan(shadows=(number,)), by="me")
    assert experimenter.start("stone", Plan(shadows=(4,)), by="me").shadows == (4,)


def test_only_one_experiment_runs_on_a_model(experimenter: Experimenter) -> None:
    experimenter.start("stone", Plan(arms=HALVES), by="me")
    with pytest.raises(ExperimentRunning, match="experiment-1"):
        experimenter.start("stone", Plan(arms=HALVES), by="me")


def test_where_nobody_rules_nothing_can_be_tried(experimenter: Experimenter) -> None:
    with pytest.raises(NothingReleased):
        experimenter.start("other", Plan(arms=HALVES), by="me")


# ---- every process


def test_nobody_answers_before_all_have_every_arm(
    experimenter: Experimenter, processes: Processes, preparations: Preparations, rollouts: Rollouts, ruling: Rollout
) -> None:
    one, other = member(processes), member(processes)
    seen: list[Any] = []

    def answer(preparation: Any) -> None:
        seen.append(preparation.wanted)
        preparations.acknowledge(preparation.id, one.id)
        seen.append(rollouts.ruling("stone"))
        preparations.acknowledge(preparation.id, other.id)

    thread = meanwhile(preparations, answer)
    experimenter.start("stone", Plan(arms=HALVES, shadows=(3,)), by="me")
    thread.join()
    assert seen == [(1, 2), ruling], "a shadow is nothing that a process has to load"


def test_one_that_cannot_load_an_arm_keeps_all_from_beginning(
    experimenter: Experimenter, processes: Processes, preparations: Preparations, rollouts: Rollouts, ruling: Rollout
) -> None:
    one = member(processes)
    thread = meanwhile(preparations, lambda found: preparations.acknowledge(found.id, one.id, "version 2: no memory"))
    with pytest.raises(VersionNotReady, match=r"versions 1, 2 .* nothing was switched: .* version 2: no memory"):
        experimenter.start("stone", Plan(arms=HALVES), by="me")
    thread.join()
    assert rollouts.ruling("stone") == ruling


# ---- other shares


def test_other_shares_keep_name_and_order(experimenter: Experimenter, proofs: Proofs, database: Database) -> None:
    begun = experimenter.start("stone", Plan(arms=HALVES, shadows=(3,), name="checkout"), by="me")
    proofs.seen.clear()
    changed = experimenter.change("stone", (Arm(version=2, share=0.4), Arm(version=1, share=0.6)), by="you")
    assert [(arm.version, arm.share) for arm in changed.arms] == [(1, 0.6), (2, 0.4)]
    assert (changed.experiment, changed.shadows, changed.id == begun.id) == ("checkout", (3,), False)
    assert (changed.reason, told(database).action, proofs.seen) == ("other shares", "experiment", [])
    subjects = [str(one) for one in range(500)]
    assert {(begun.choose(one), changed.choose(one)) for one in subjects} == {(1, 1), (2, 2), (2, 1)}


def test_shadows_may_be_changed_by_themselves(experimenter: Experimenter, proofs: Proofs) -> None:
    experimenter.start("stone", Plan(arms=HALVES, shadows=(3,)), by="me")
    proofs.seen.clear()
    changed = experimenter.change("stone", (), (3, 5), by="me")
    assert (changed.arms, changed.shadows, proofs.seen) == (HALVES, (3, 5), [5])
    with pytest.raises(ExperimentInvalid, match="does not answer"):
        experimenter.change("stone", (), (2,), by="me")


@pytest.mark.parametrize(("arms", "shadows"), [((), None), (HALVES, None), ((), (3,)), (HALVES[::-1], (3,))])
def test_what_would_change_nothing_does_not_begin_the_comparison_anew(
    experimenter: Experimenter, rollouts: Rollouts, arms: tuple[Arm, ...], shadows: tuple[int, ...] | None
) -> None:
    begun = experimenter.start("stone", Plan(arms=HALVES, shadows=(3,)), by="me")
    with pytest.raises(ExperimentInvalid, match="nothing would change"):
        experimenter.change("stone", arms, shadows, by="me")
    assert rollouts.ruling("stone") == begun


@pytest.mark.parametrize(
    "arms",
    [
        (Arm(version=1, share=0.5), Arm(version=3, share=0.5)), HALVES[:1], (*HALVES, HALVES[0]),
        (*HALVES, Arm(version=3, share=0.1)),
    ],
)  # fmt: skip
def test_the_arms_stay_the_same(experimenter: Experimenter, arms: tuple[Arm, ...]) -> None:
    experimenter.start("stone", Plan(arms=HALVES), by="me")
    with pytest.raises(ExperimentInvalid, match="stay the same, here 1 and 2"):
        experimenter.change("stone", arms, by="me")


def test_without_an_experiment_nothing_can_be_changed_or_stopped(experimenter: Experimenter) -> None:
    with pytest.raises(ExperimentNotFound):
        experimenter.change("stone", HALVES, by="me")
    with pytest.raises(ExperimentNotFound):
        experimenter.stop("stone", by="me")


# ---- the end


def test_a_stop_leaves_the_main_version(experimenter: Experimenter, rollouts: Rollouts, database: Database) -> None:
    experimenter.start("stone", Plan(arms=HALVES), by="me")
    decided = experimenter.stop("stone", by="me", reason="enough")
    assert rollouts.ruling("stone") == decided
    assert (decided.version, decided.experiment, decided.arms) == (1, None, ())
    assert decided.reason == "stopped: enough; ends the experiment experiment-1"
    assert told(database).action == "experiment"


@pytest.mark.parametrize(("winner", "proved"), [(2, []), (3, [3])], ids=["an arm", "a shadow"])
def test_a_winner_answers_alone(
    experimenter: Experimenter, proofs: Proofs, database: Database, winner: int, proved: list[int]
) -> None:
    experimenter.start("stone", Plan(arms=HALVES, shadows=(3,)), by="me")
    proofs.seen.clear()
    decided = experimenter.stop("stone", winner=winner, by="me")
    assert (decided.version, decided.previous) == (winner, 1)
    assert decided.reason == f"version {winner} won; ends the experiment experiment-1"
    assert (told(database).action, proofs.seen) == ("promote", proved)


def test_who_took_no_part_cannot_win(experimenter: Experimenter, rollouts: Rollouts) -> None:
    begun = experimenter.start("stone", Plan(arms=HALVES), by="me")
    with pytest.raises(ExperimentInvalid, match="takes no part"):
        experimenter.stop("stone", winner=9, by="me")
    assert rollouts.ruling("stone") == begun


def test_a_stop_gives_way_to_a_later_decision(experimenter: Experimenter, rollouts: Rollouts, switch: Switch) -> None:
    experimenter.start("stone", Plan(arms=HALVES), by="me")
    begun = threading.Event()
    real = switch.to

    def late(rollout: Rollout, **how: Any) -> Rollout:
        if not begun.is_set():
            begun.set()
            rollouts.append(rows.rollout(5))
        return real(rollout, **how)

    switch.to = late  # type: ignore[method-assign]  # somebody decides at the last moment
    with pytest.raises(PromotionOvertaken):
        experimenter.stop("stone", by="me")
    ruling = rollouts.ruling("stone")
    assert ruling is not None
    assert ruling.version == 5


@pytest.mark.parametrize("number", [1, 5])
def test_a_promotion_ends_the_experiment_and_says_so(
    experimenter: Experimenter, releaser: Releaser, database: Database, number: int
) -> None:
    experimenter.start("stone", Plan(arms=HALVES), by="me")
    decided = releaser.promote("stone", number, by="me")
    assert (decided.version, decided.experiment) == (number, None)
    assert decided.reason == "promoted by hand; ends the experiment experiment-1"
    assert told(database).before["experiment"] == "experiment-1"


def test_a_rollback_ends_the_experiment_too(experimenter: Experimenter, releaser: Releaser, rollouts: Rollouts) -> None:
    rollouts.append(rows.rollout(2))
    experimenter.start("stone", Plan(arms=HALVES), by="me")
    decided = releaser.rollback("stone", by="me")
    assert (decided.version, decided.reason) == (1, "rolled back from version 2; ends the experiment experiment-1")


def test_what_was_trained_meanwhile_has_to_wait(
    experimenter: Experimenter, releaser: Releaser, rollouts: Rollouts, versions: Versions
) -> None:
    begun = experimenter.start("stone", Plan(arms=HALVES), by="me")

    def judge(version: Version) -> Verdict:
        return Verdict(id="0" * 32, at=1, model="stone", version=version.number, kind="gate", outcome="passed")

    said = releaser.release([versions.find("stone", 5)], metric="mae", judge=judge, by="assay train")
    assert said == (
        "because version 5 passed the gate, and the experiment experiment-1 still runs; `assay promote` ends it"
    )
    assert rollouts.ruling("stone") == begun
