"""A candidate is held against the champion on rows that neither knows; planted faults are found, each by its own check."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from assay import Gate
from assay.app import Assay
from assay.app.judging import approve, judge
from assay.domain.model import Model
from assay.domain.releases.verdict import Check, Verdict
from assay.errors import NotWaiting, VersionNotFound
from assay.store.paging import Window
from tests import planted, tiny

STONES = planted.stones(400)
TRUTH = STONES["price"].to_numpy()
SMALL = (STONES["carat"] < 1).to_numpy()
DRAW = np.random.default_rng(3)
BETTER = TRUTH + DRAW.normal(0, 5, len(TRUTH))


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    """The tiny application, whose first version rules; its error is the noise of the prices."""
    with tiny.opened(tmp_path / "home") as opened:
        yield opened


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Assay, int]]:
    """The same with a version that is better, for tests that leave both as they are."""
    with tiny.opened(tmp_path_factory.mktemp("judged") / "home") as opened:
        yield opened, planted.plant(opened, STONES, BETTER).number


def gated(assay: Assay, **told: Any) -> Model[Any]:
    """The application's model with a gate of the test's own."""
    return replace(assay.application.model(None), gate=Gate(**told))


def judge_planted(assay: Assay, number: int, **told: Any) -> Verdict:
    return judge(assay, gated(assay, **told), assay.versions.find("stone", number), by="a test")


def check(verdict: Verdict, name: str) -> Check:
    return next(one for one in verdict.checks if one.name == name)


def test_a_better_version_passes_and_the_verdict_is_kept_with_its_evidence(judged: tuple[Assay, int]) -> None:
    assay, number = judged
    verdict = judge_planted(assay, number)
    assert (verdict.outcome, verdict.kind, verdict.against, verdict.by) == ("passed", "gate", tiny.LINEAR, "a test")
    assert all(one.passed for one in verdict.checks)
    assert "on 400 rows: better by" in check(verdict, "champion").detail
    assert assay.verdicts.find(verdict.id) == verdict
    assert verdict.evidence["known_to_champion"] == 0
    assert verdict.evidence["size_bytes"] > 1000
    assert 0 < verdict.evidence["latency_ms"] < 1000
    assert set(verdict.evidence["segments"]) == {"carat 0-1", "carat >=1"}


def test_one_that_is_better_over_all_but_worse_in_one_segment_is_refused_by_the_segments_name(assay: Assay) -> None:
    answers = np.where(SMALL, planted.linear(STONES) + np.where(np.arange(400) % 2, 35.0, -35.0), BETTER)
    verdict = judge_planted(assay, planted.plant(assay, STONES, answers).number)
    assert (verdict.outcome, check(verdict, "champion").passed, check(verdict, "segments").passed) == (
        "failed", True, False,
    )  # fmt: skip
    assert "carat 0-1: mae" in check(verdict, "segments").detail
    assert "carat >=1" not in check(verdict, "segments").detail


def test_one_that_is_better_by_chance_on_few_rows_is_refused_for_lack_of_confidence(assay: Assay) -> None:
    few = STONES.head(24)
    errors = np.asarray(few["price"] - planted.linear(few))
    verdict = judge_planted(assay, planted.plant(assay, few, few["price"] + 0.9 * np.roll(errors, 7)).number)
    compared = verdict.evidence["compared"]
    assert compared["candidate"] < compared["champion"]
    assert 0.5 < compared["better"] < 0.95
    assert verdict.outcome == "failed"
    assert "better by" in check(verdict, "champion").detail


def test_margin_latency_size_and_approval_each_decide(judged: tuple[Assay, int]) -> None:
    assay, number = judged
    assert judge_planted(assay, number, margin=0.5, latency_ms=1000, size_bytes=10**8).outcome == "passed"
    assert not check(judge_planted(assay, number, margin=0.9), "champion").passed
    assert not check(judge_planted(assay, number, latency_ms=1e-6), "latency").passed
    assert not check(judge_planted(assay, number, size_bytes=1000), "size").passed
    assert judge_planted(assay, number, approval=True).outcome == "waiting"
    assert judge_planted(assay, number, approval=True, size_bytes=1000).outcome == "failed"


def test_one_that_changes_recorded_answers_wildly_is_refused(assay: Assay) -> None:
    questions = STONES.select("carat", "cut", "color").head(50).write_json()
    assay.predict("stone", questions.encode())
    assay.predict("stone", questions.encode())  # the same again is one question
    wild = np.where(np.arange(400) < 5, 2 * TRUTH, BETTER)
    number = planted.plant(assay, STONES, wild).number
    refused = judge_planted(assay, number, max_change=0.5, worst_segment=None)
    assert "5 of 50 recorded answers change by more than 50 %" in check(refused, "replay").detail
    assert not check(refused, "replay").passed
    biggest = refused.evidence["changes"]["biggest"]
    assert len(biggest) == 10
    assert [one["after"] / one["before"] > 1.5 for one in biggest] == [True] * 5 + [False] * 5
    assert assay.predictions.find(biggest[0]["prediction"]) is not None
    assert check(judge_planted(assay, number, max_change=1.5), "replay").passed
    assert judge_planted(assay, number, replay=0).evidence["replay"]["asked"] == 0


def test_rows_that_the_champion_has_learnt_from_are_not_judged_on(assay: Assay) -> None:
    champion = assay.versions.find("stone", tiny.LINEAR)
    kept = pl.read_parquet(assay.artifacts.path(champion.dataset))
    marks = [pl.lit(value=True).alias("__held_out"), pl.lit(0).alias("__part")]
    both = pl.concat([STONES, kept.with_columns(*marks)], how="diagonal").unique(["carat", "cut", "color"])
    verdict = judge_planted(assay, planted.plant(assay, both, both["price"]).number)
    known = verdict.evidence["known_to_champion"]
    assert known + verdict.evidence["judged_rows"] == both.height
    assert 0.7 * kept.height < known <= champion.train_rows
    only = kept.with_columns(*marks).unique(["carat", "cut", "color"])
    learnt = only.join(both.filter(False), on="carat", how="anti")
    verdict = judge_planted(assay, planted.plant(assay, learnt, learnt["price"]).number)
    assert 0 < verdict.evidence["judged_rows"] < learnt.height  # those held out from the champion too


def test_where_the_champion_has_learnt_from_every_row_the_candidate_does_not_pass(assay: Assay) -> None:
    table = STONES.with_columns(pl.Series("__held_out", [False] * 200 + [True] * 200))
    first = planted.plant(assay, table, BETTER)
    assay.promote("stone", first.number, by="a test")
    other = planted.plant(assay, table.head(200).with_columns(pl.lit(value=True).alias("__held_out")), TRUTH[:200])
    verdict = judge_planted(assay, other.number)
    assert verdict.outcome == "failed"
    assert check(verdict, "champion").detail.startswith("none of the 200 held-out rows is new to version")


def test_the_newest_part_is_judged_on_and_older_ones_where_it_is_small(assay: Assay) -> None:
    parts = [planted.stones(100, seed=seed, part=seed) for seed in range(3)]
    table = pl.concat(parts)
    number = planted.plant(assay, table, table["price"]).number
    rows = [judge_planted(assay, number, **told).evidence["judged_rows"] for told in (
        {"least_rows": 100}, {"least_rows": 101}, {}, {"least_rows": 201}, {"judged_on": "all"},
    )]  # fmt: skip
    assert rows == [100, 200, 200, 300, 300]


def test_a_champion_that_is_damaged_cannot_hold_its_place(assay: Assay) -> None:
    worse = planted.plant(assay, STONES, TRUTH + 500)
    assert judge_planted(assay, worse.number).outcome == "failed"
    manifest = assay.loader.manifest(assay.versions.find("stone", tiny.LINEAR))
    assay.artifacts.path(manifest.files["graph"].sha256).unlink()
    verdict = judge_planted(assay, worse.number)
    assert (verdict.outcome, verdict.against) == ("passed", tiny.LINEAR)
    assert "version 1 cannot hold its place: A file of the version is missing" in check(verdict, "champion").detail


def test_a_candidate_that_is_damaged_fails(assay: Assay) -> None:
    version = planted.plant(assay, STONES, BETTER)
    assay.artifacts.path(assay.loader.manifest(version).files["graph"].sha256).unlink()
    verdict = judge_planted(assay, version.number)
    assert (verdict.outcome, [one.name for one in verdict.checks]) == ("failed", ["answers"])


def test_the_first_version_is_judged_alone(assay: Assay) -> None:
    (verdict,) = assay.verdicts.page("stone")
    assert (verdict.version, verdict.outcome, verdict.against) == (tiny.LINEAR, "passed", None)
    assert "and nothing ruled before" in check(verdict, "champion").detail


def test_a_version_that_waits_is_approved_once_with_the_reason_written_down(assay: Assay) -> None:
    model = gated(assay, approval=True)
    number = planted.plant(assay, STONES, BETTER).number
    with pytest.raises(NotWaiting, match="has not judged it yet"):
        approve(assay, model, number, "Ada", "it looks right")
    waiting = judge(assay, model, assay.versions.find("stone", number), by="a test")
    assert waiting.outcome == "waiting"
    approved = approve(assay, model, number, "Ada", "it looks right")
    assert (approved.outcome, approved.by, approved.checks) == ("approved", "Ada", waiting.checks)
    assert approved.evidence == {"approves": waiting.id, "reason": "it looks right"}
    (noted,) = assay.audit.page(Window(), action="approve").entries
    assert (noted.by, noted.reason, noted.subject, noted.after["version"]) == ("Ada", "it looks right", "stone", number)
    with pytest.raises(NotWaiting, match="'approved'"):
        approve(assay, model, number, "Ada", "again")
    with pytest.raises(VersionNotFound):
        approve(assay, model, 99, "Ada", "")
    assert len(assay.verdicts.page("stone", version=number)) == 2
