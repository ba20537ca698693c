"""A version that does harm loses the word again within its gate's time; one that does not, keeps it, and both are said once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay import Gate
from assay.app import Assay
from assay.app.guarding import BY, watch
from assay.clock import new_id, now_us
from assay.domain.model import Model
from assay.domain.releases.rollout import Arm
from assay.domain.releases.verdict import Verdict
from assay.errors import VersionRejected
from assay.releasing.prove import body_of
from assay.store.record.recorder import Entry
from tests import rows, tiny

S = 1_000_000
PATH = "/v1/models/stone/predict"


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    """The tiny application, whose first version has ruled until now."""
    with tiny.opened(tmp_path / "home") as opened:
        yield opened


def model(assay: Assay, **told: Any) -> Model[Any]:
    return replace(assay.application.model(None), gate=Gate(**told))


def id_at(at: int) -> str:
    return f"{at // 1000:012x}{new_id()[12:]}"


def answered(
    assay: Assay, version: int, values: Any, *, at: int, took_us: int = 6_000, path: str = PATH, request: bytes = b"{}"
) -> None:  # fmt: skip
    """So many recorded answers of a version with their exchanges, at a time and the milliseconds after it."""
    entries = []
    for place, value in enumerate(values):
        when = at + 1000 * place
        exchange = rows.exchange_values(
            id=id_at(when), at=when, path=path, request=request, request_size=len(request)
        )  # fmt: skip
        given = rows.prediction_values(
            id=id_at(when), at=when, version=version, value=float(value), answer=repr(float(value)), took_us=took_us,
            exchange=exchange[0],
        )  # fmt: skip
        entries.append(Entry(exchange, [given]))
    assay.recorder.record(entries)


def failing(assay: Assay, count: int, *, at: int, path: str = PATH, status: int = 500) -> None:
    """So many exchanges that ended in an error."""
    entries = [Entry(rows.exchange_values(id=id_at(at + 1000 * i), path=path, status=status), []) for i in range(count)]
    assay.recorder.record(entries)


def prices(count: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).lognormal(7.8, 0.8, count)


def switched(assay: Assay, *, age_s: float, version: int = tiny.ROUGH, **told: Any) -> int:
    """Another version rules since then; returns when."""
    at = now_us() - int(age_s * S)
    assay.rollouts.append(rows.rollout(version, at=at, by="assay train", **told))
    return at


def look(assay: Assay, **told: Any) -> list[Verdict]:
    """One look of a watcher that rolls back where it must."""
    return watch(
        assay,
        [model(assay, **told)],
        lambda name, reason, decision: assay.rollback(name, by=BY, reason=reason, instead_of=decision),
    )


def rules(assay: Assay) -> int:
    return assay.ruling("stone").version


def test_a_version_whose_answers_are_doubled_is_rolled_back_with_the_reason(assay: Assay) -> None:
    at = switched(assay, age_s=20)
    answered(assay, tiny.LINEAR, prices(300), at=at - 5 * S)
    answered(assay, tiny.ROUGH, 2 * prices(300, seed=1), at=at + S)
    (verdict,) = look(assay)
    assert (verdict.kind, verdict.outcome, verdict.version, verdict.against) == ("guard", "failed", 2, 1)
    assert [check.name for check in verdict.checks if not check.passed] == ["shift"]
    ruling = assay.ruling("stone")
    assert (ruling.version, ruling.previous, ruling.by) == (tiny.LINEAR, tiny.ROUGH, BY)
    assert "population stability index" in ruling.reason
    assert verdict.evidence["since"]["answers"] == 300
    assert verdict.evidence["since"]["values"]["0.5"] > 1.7 * verdict.evidence["before"]["values"]["0.5"]
    assert look(assay) == []
    assert rules(assay) == tiny.LINEAR


def test_an_experiment_is_no_switch_and_a_winner_is_one(assay: Assay) -> None:
    arms = (Arm(version=tiny.LINEAR, share=0.5), Arm(version=tiny.ROUGH, share=0.5))
    at = now_us() - 100 * S
    assay.rollouts.append(rows.rollout(tiny.LINEAR, at=at, experiment="checkout", arms=arms))
    answered(assay, tiny.LINEAR, prices(300), at=at + S)
    answered(assay, tiny.ROUGH, 2 * prices(300, seed=1), at=at + S)
    assert look(assay) == [], "the same version rules"
    assay.rollouts.append(rows.rollout(tiny.LINEAR, at=at + 2 * S, experiment="checkout", arms=arms[::-1]))
    assert look(assay) == []
    at = switched(assay, age_s=20)
    answered(assay, tiny.ROUGH, 2 * prices(300, seed=2), at=at + S)
    (verdict,) = look(assay)
    assert (verdict.outcome, verdict.version, verdict.against) == ("failed", tiny.ROUGH, tiny.LINEAR)
    assert (rules(assay), assay.ruling("stone").experiment) == (tiny.LINEAR, None)


def test_what_a_proof_asks_over_and_over_says_nothing(assay: Assay) -> None:
    at = switched(assay, age_s=20)
    answered(assay, tiny.LINEAR, prices(300), at=at - 5 * S)
    proof = body_of(assay.loader.manifest(assay.version("stone", tiny.ROUGH)).golden.questions)
    answered(assay, tiny.ROUGH, 2 * prices(300, seed=1), at=at + S, request=proof)
    assert look(assay) == []
    answered(assay, tiny.ROUGH, 2 * prices(300, seed=1), at=at + 2 * S, request=proof + b" ")
    assert [verdict.outcome for verdict in look(assay)] == ["failed"]


def test_a_version_that_fails_is_rolled_back(assay: Assay) -> None:
    at = switched(assay, age_s=20)
    answered(assay, tiny.LINEAR, prices(100), at=at - 5 * S)
    failing(assay, 60, at=at + S)
    (verdict,) = look(assay)
    assert [check.name for check in verdict.checks if not check.passed] == ["errors"]
    assert "100.0 % of 60 exchanges failed since the switch" in assay.ruling("stone").reason
    assert rules(assay) == tiny.LINEAR


def test_failures_on_the_applications_own_routes_count_and_those_elsewhere_do_not(assay: Assay) -> None:
    at = switched(assay, age_s=20)
    answered(assay, tiny.LINEAR, prices(100), at=at - 5 * S, path="/price")
    failing(assay, 60, at=at + S, path="/elsewhere")
    failing(assay, 60, at=at + 2 * S, path="/v1/models/stone-cutter/predict")
    failing(assay, 60, at=at + 3 * S, status=422)
    assert look(assay) == []
    failing(assay, 60, at=at + 4 * S, path="/price", status=500)
    (verdict,) = look(assay)
    assert (verdict.outcome, rules(assay)) == ("failed", tiny.LINEAR)


def test_a_slow_version_is_rolled_back(assay: Assay) -> None:
    at = switched(assay, age_s=20)
    answered(assay, tiny.LINEAR, prices(100), at=at - 5 * S)
    answered(assay, tiny.ROUGH, prices(100, seed=1), at=at + S, took_us=60_000)
    (verdict,) = look(assay)
    assert [check.name for check in verdict.checks if not check.passed] == ["latency"]
    assert rules(assay) == tiny.LINEAR


def test_a_drift_of_eight_per_cent_is_let_pass_and_said_so_once_when_the_time_is_over(assay: Assay) -> None:
    at = switched(assay, age_s=20)
    answered(assay, tiny.LINEAR, prices(400), at=at - 5 * S)
    answered(assay, tiny.ROUGH, 1.08 * prices(400, seed=1), at=at + S)
    assert look(assay) == []
    (verdict,) = look(assay, guard_s=15)
    assert (verdict.outcome, [check.name for check in verdict.checks]) == ("passed", ["errors", "latency", "shift"])
    assert verdict.evidence["rollout"] == assay.ruling("stone").id
    assert look(assay, guard_s=15) == []
    assert rules(assay) == tiny.ROUGH


def test_too_few_answers_are_compared_with_nothing(assay: Assay) -> None:
    at = switched(assay, age_s=20)
    answered(assay, tiny.LINEAR, prices(100), at=at - 5 * S)
    answered(assay, tiny.ROUGH, np.full(49, 1.0), at=at + S)
    assert look(assay) == []
    (verdict,) = look(assay, guard_s=15)
    assert (verdict.outcome, [check.name for check in verdict.checks]) == ("passed", [])


def test_only_answers_within_the_time_and_by_the_new_version_count(assay: Assay) -> None:
    at = switched(assay, age_s=30)
    answered(assay, tiny.LINEAR, prices(100), at=at - 5 * S)
    answered(assay, tiny.ROUGH, np.full(100, 1.0), at=at + 20 * S)
    answered(assay, tiny.LINEAR, np.full(100, 1.0), at=at + S)  # asked for by its number
    (verdict,) = look(assay, guard_s=18)
    assert (verdict.outcome, verdict.evidence["since"]["answers"]) == ("passed", 0)


@pytest.mark.parametrize(
    "told", [{"by": "assay guard"}, {"by": "assay rollback", "reason": "rolled back from version 2"}]
)
def test_a_way_back_is_not_guarded(assay: Assay, told: dict[str, str]) -> None:
    at = now_us() - 20 * S
    assay.rollouts.append(rows.rollout(tiny.ROUGH, at=at, **told))
    failing(assay, 60, at=at - 5 * S, status=200)
    failing(assay, 60, at=at + S)
    assert look(assay) == look(assay, guard_s=15) == []
    assert rules(assay) == tiny.ROUGH


@pytest.mark.parametrize(("age_s", "guard_s"), [(20, 0), (20, 5)])
def test_an_old_switch_is_left_alone(assay: Assay, age_s: float, guard_s: float) -> None:
    at = switched(assay, age_s=age_s)
    failing(assay, 60, at=at - 5 * S, status=200)
    failing(assay, 60, at=at + S // 2)
    assert look(assay, guard_s=guard_s) == []


def test_the_first_version_is_not_guarded(assay: Assay) -> None:
    assert assay.ruling("stone").previous is None
    failing(assay, 60, at=now_us() - S)
    assert look(assay, guard_s=86_400) == []


@pytest.mark.parametrize(("guard_s", "outcome"), [(300, "failed"), (15, "passed")])
def test_any_number_of_watchers_act_once(assay: Assay, guard_s: float, outcome: str) -> None:
    at = switched(assay, age_s=20)
    failing(assay, 100, at=at - 5 * S, status=200)
    failing(assay, 100, at=at + S, status=500 if outcome == "failed" else 200)
    made: list[Verdict] = []
    back: list[str] = []
    ready = threading.Barrier(8)

    def one() -> None:
        ready.wait()
        made.extend(watch(assay, [model(assay, guard_s=guard_s)], lambda name, *_: back.append(name)))

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [verdict.outcome for verdict in made] == [outcome]
    assert back == ["stone"] * (outcome == "failed")
    assert len(assay.verdicts.page("stone", kind="guard")) == 1


def test_a_way_back_that_fails_is_tried_again_a_minute_later(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> None:
    at = switched(assay, age_s=20)
    failing(assay, 100, at=at - 5 * S, status=200)
    failing(assay, 100, at=at + S)
    tried: list[str] = []

    def refuse(name: str, *_: str) -> None:
        tried.append(name)
        raise VersionRejected("There is nothing to go back to.")

    assert [one.outcome for one in watch(assay, [model(assay)], refuse)] == ["failed"]
    assert watch(assay, [model(assay)], refuse) == []
    monkeypatch.setattr("assay.app.guarding.AGAIN_US", 0)
    assert [one.outcome for one in watch(assay, [model(assay)], refuse)] == ["failed"]
    assert tried == ["stone", "stone"]


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v1/models/stone/queries", 500), ("/v1/models/stone/versions/1/predict", 503), (PATH, 503), (PATH, 422)],
)
def test_what_the_ruling_version_did_not_do_is_not_held_against_it(assay: Assay, path: str, status: int) -> None:
    at = switched(assay, age_s=20)
    failing(assay, 100, at=at - 5 * S, status=200)
    failing(assay, 60, at=at + S, status=200)
    failing(assay, 60, at=at + 2 * S, path=path, status=status)
    assert look(assay) == []
