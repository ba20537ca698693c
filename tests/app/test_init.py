"""The parts, joined: what is trained is kept, the best answers, and everything is found again after a restart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import polars as pl
import pytest

from assay.app import Assay
from assay.errors import BadCursor, NothingReleased, QuestionInvalid, VersionNotFound, VersionRejected
from assay.store.paging import Window
from assay.store.record.recorder import Entry
from assay.store.record.walking import LOOKS
from assay.training.run import Plan
from tests import rows, tiny

BODY = json.dumps(tiny.QUESTION).encode()


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    with tiny.opened(tmp_path / "home") as opened:
        yield opened


def test_what_was_learnt_from_made_up_rows_does_not_displace_what_was_learnt_from_given_ones(tmp_path: Path) -> None:
    with tiny.opened(tmp_path / "home") as assay:
        model = assay.application.model(None)
        given = tmp_path / "given.csv"
        assay.application.own_rows().head(250).write_csv(given)
        assert assay.train(model, given, Plan(only=("rough",))).rollout is None  # not better, so nothing changes
        assay.releaser.promote(model.name, assay.versions.all(model.name)[0].number, by="me")
        made_up = assay.train(model, None, Plan(only=("linear",)))  # better, but learnt from the application's own rows
        assert made_up.rollout is None
        assert "data.py" in made_up.unchanged
        assert assay.train(model, given, Plan(only=("linear",))).rollout is not None


def test_every_run_is_kept_with_what_made_it_failed_ones_too(assay: Assay) -> None:
    broken, rough, linear = assay.versions.all("stone")
    assert [one.recipe for one in (linear, rough, broken)] == ["linear", "rough", "broken"]
    assert (broken.status, linear.status, rough.status) == ("failed", "ready", "ready")
    assert "out of order" in broken.error
    for one in (linear, rough):
        assert set(one.metrics) == {"mae", "rmse", "mape", "r2"}
        assert "carat 0-1" in one.segments
        assert (one.train_rows, one.test_rows, one.seed) == (238, 60, 42)
        assert one.code_digest
        assert "scikit-learn" in one.libraries
    assert assay.datasets.find("stone", linear.dataset) is not None


def test_the_best_by_the_metric_answers(assay: Assay) -> None:
    assert assay.ruling("stone").version == tiny.LINEAR
    assert assay.version("stone").recipe == "linear"
    assert assay.version("stone", tiny.ROUGH).recipe == "rough"


def test_rows_that_were_set_aside_are_counted_and_kept(assay: Assay) -> None:
    (dataset,) = assay.datasets.all("stone")
    assert (dataset.rows, dataset.removed) == (298, 2)
    lines = assay.artifacts.get(dataset.removed_file or "").splitlines()
    assert [json.loads(line)["row"] for line in lines] == [299, 300]
    assert pl.read_parquet(assay.artifacts.get(dataset.id)).height == 298


def test_the_home_that_is_told_is_where_everything_lives(assay: Assay, tmp_path: Path) -> None:
    assert assay.home == tmp_path / "home"
    assert (tmp_path / "home" / "assay.db").is_file()
    assert (tmp_path / "home" / "artifacts").is_dir()
    assay.predict("stone", BODY)
    with tiny.opened(tmp_path / "fresh") as untouched:
        assert untouched.predictions.page(Window()).entries == []


def test_an_answer_is_recorded_before_it_is_given(assay: Assay) -> None:
    one, two = assay.predict("stone", b"[%s, %s]" % (BODY, BODY.replace(b"1.0", b"2.0")))
    assert (one.model, one.version) == ("stone", tiny.LINEAR)
    assert one.prediction == pytest.approx(1800, abs=30)
    assert two.prediction > one.prediction
    kept = assay.predictions.find(one.id)
    assert kept is not None
    assert (kept.value, kept.exchange, json.loads(bytes(kept.question))) == (one.prediction, None, tiny.QUESTION)


def test_any_version_can_be_asked_by_its_number(assay: Assay) -> None:
    (rough,) = assay.predict("stone", BODY, tiny.ROUGH)
    assert rough.version == tiny.ROUGH
    with pytest.raises(VersionNotFound):
        assay.predict("stone", BODY, 99)
    with pytest.raises(VersionRejected):
        assay.predict("stone", BODY, tiny.BROKEN)


def test_an_unknown_word_is_refused_and_not_taken_for_a_baseline(assay: Assay) -> None:
    with pytest.raises(QuestionInvalid, match="Fair, Good, Ideal"):
        assay.predict("stone", BODY.replace(b"Ideal", b"Great"))


def test_no_answer_is_below_the_floor(assay: Assay) -> None:
    (lowest,) = assay.predict("stone", b'{"carat": 0.001, "cut": "Fair", "color": "D"}')
    assert lowest.prediction >= 1.0


def test_an_evaluation_on_the_rows_held_out_gives_the_registered_metrics_again(assay: Assay) -> None:
    model = assay.application.model(None)
    again = assay.evaluate(model, None)
    assert (again.version, again.split, again.rows) == (tiny.LINEAR, "held-out", 60)
    assert again.metrics == pytest.approx(assay.version("stone").metrics, rel=1e-4)
    assert assay.evaluations.all("stone", tiny.LINEAR)[0] == again
    assert len(assay.evaluations.all("stone", tiny.LINEAR)) == 2


def test_an_evaluation_on_other_rows_takes_all_of_them(assay: Assay, tmp_path: Path) -> None:
    made = assay.application.own_rows().head(50)
    made.write_csv(tmp_path / "fresh.csv")
    found = assay.evaluate(assay.application.model(None), tiny.ROUGH, tmp_path / "fresh.csv")
    assert (found.version, found.split, found.rows) == (tiny.ROUGH, "all", 50)
    dataset = assay.datasets.find("stone", found.dataset)
    assert dataset is not None
    assert dataset.source == str(tmp_path / "fresh.csv")


def test_training_again_on_the_same_rows_changes_nobody(assay: Assay) -> None:
    from assay.training.run import Plan

    run = assay.train(assay.application.model(None), None, Plan(only=("linear",)))
    assert [one.number for one in run.versions] == [4]
    assert run.rollout is None
    assert assay.ruling("stone").version == tiny.LINEAR
    assert len(assay.datasets.all("stone")) == 1


def test_a_better_version_takes_over_and_a_champion_is_judged_on_the_same_rows(assay: Assay, tmp_path: Path) -> None:
    from assay.training.run import Plan

    model = assay.application.model(None)
    assay.releaser.promote("stone", tiny.ROUGH, by="me")
    assay.application.own_rows().head(200).write_csv(tmp_path / "fresh.csv")
    run = assay.train(model, tmp_path / "fresh.csv", Plan(only=("linear",)))
    assert run.rollout is not None
    assert assay.ruling("stone") == run.rollout
    assert (run.rollout.version, run.rollout.previous) == (4, tiny.ROUGH)


def test_before_training_nothing_answers(tmp_path: Path) -> None:
    fresh = Assay.at(tiny.application(), home=tmp_path / "fresh")
    with pytest.raises(NothingReleased):
        fresh.ruling("stone")
    with pytest.raises(NothingReleased):
        fresh.predict("stone", BODY)
    fresh.close()


def test_the_log_is_paged_by_the_last_entry_seen(assay: Assay) -> None:
    entries = [Entry(rows.exchange_values(id=f"{i:032x}", path=f"/{i % 2}"), []) for i in range(25)]
    assay.recorder.record(entries)
    seen: list[str] = []
    while part := assay.log(limit=10, before=seen[-1] if seen else None):
        assert len(part) <= 10
        seen += [one.id for one in part]
    assert seen == [f"{i:032x}" for i in reversed(range(25))]
    assert [one.path for one in assay.log(path="/1", limit=3)] == ["/1"] * 3
    with pytest.raises(BadCursor):
        assay.log(before="nonsense")


def test_the_log_finds_what_is_seldom_in_the_record(assay: Assay) -> None:
    paths = ["/seldom", *["/often"] * (LOOKS[-1] + 50)]
    assay.recorder.record([Entry(rows.exchange_values(id=f"{i:032x}", path=path), []) for i, path in enumerate(paths)])
    assert [one.path for one in assay.log(path="/seldom", limit=3)] == ["/seldom"]
    assert assay.log(path="/never", limit=3) == []


def test_the_store_is_opened_with_every_commit_synced_unless_told_otherwise(assay: Assay, tmp_path: Path) -> None:
    assert assay.database.health().durable
    with tiny.opened(tmp_path / "unsafe", unsafe=["no-sync", "no-hash", "no-golden"]) as unsafe:
        assert not unsafe.database.health().durable
        graph = unsafe.loader.manifest(unsafe.version("stone")).files["rows"].sha256
        unsafe.artifacts.path(graph).write_bytes(b"other")
        assert unsafe.artifacts.get(graph) == b"other"


def test_what_was_registered_is_there_after_a_restart(assay: Assay, tmp_path: Path) -> None:
    before = assay.predict("stone", BODY)
    again = Assay.at(tiny.application(), home=tmp_path / "home")
    assert msgspec.structs.replace(again.predict("stone", BODY)[0], id=before[0].id) == before[0]
    assert again.rollouts.history("stone") == assay.rollouts.history("stone")
    again.close()
