"""A version is held against the control set: recordings it has not learnt from, the version before it, and what is kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from assay.app import Assay
from assay.app.watching.control import judge_control, version_before, watch
from assay.domain.releases.verdict import Verdict
from assay.errors import ApplicationInvalid, DataInvalid, NothingReleased, VersionNotFound
from tests import heard, misheard, tiny

PATIENT = 240


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    """The application with one honest version, which answers, and a control set beside it."""
    with misheard.opened(tmp_path / "home", control="control") as opened:
        yield opened


def named(found: Verdict) -> set[str]:
    return {check.name for check in found.checks if not check.passed}


def looked_at(assay: Assay, number: int | None = None) -> Verdict:
    return watch(assay, assay.application.model(None), number, by="a test")


@pytest.mark.timeout(PATIENT)
@pytest.mark.parametrize(("recipe", "name"), [("silence", "silence"), ("swapped", "labels"), ("halved", "scale")])
def test_what_is_planted_is_caught_by_its_name(assay: Assay, recipe: str, name: str) -> None:
    version = misheard.version(assay, recipe)
    found = judge_control(assay, assay.application.model(None), version, by="the gate")

    assert (found.outcome, found.kind, found.against, found.by) == ("failed", "control", 1, "the gate")
    assert name in named(found), found.checks
    assert assay.verdicts.find(found.id) == found


@pytest.mark.timeout(PATIENT)
def test_an_honest_version_passes_and_its_figures_are_kept(assay: Assay) -> None:
    version = misheard.version(assay, "drawn")
    found = judge_control(assay, assay.application.model(None), version, by="the gate")

    assert (found.outcome, found.against) == ("passed", 1)
    told = found.evidence
    assert (told["given"], told["inputs"], told["rows"], told["unheard"]) == (True, 30, 180, {})
    assert told["metrics"]["average_precision"] == 1
    assert set(told["labels"]) == set(heard.LABELS)
    assert told["labels"]["low"].keys() >= {
        "rows",
        "average_precision",
        "precision",
        "recall",
        "before",
        "change",
        "shift",
    }
    evaluation = assay.evaluations.all("notes", version.number)[0]
    assert (evaluation.id, evaluation.split, evaluation.dataset) == (told["evaluation"], "control", found.dataset)
    assert evaluation.rows == 180
    dataset = assay.datasets.find("notes", found.dataset or "")
    assert dataset is not None
    assert dataset.rows == 30


@pytest.mark.timeout(PATIENT)
def test_the_ruling_version_is_held_against_the_one_before(assay: Assay) -> None:
    model = assay.application.model(None)
    first = assay.version("notes", 1)
    assert version_before(assay, model, first) is None
    assert looked_at(assay).against is None

    second = misheard.version(assay, "drawn")
    assay.promote("notes", second.number, by="a test")
    assert version_before(assay, model, second) == first
    assert looked_at(assay).against == 1
    assert looked_at(assay, 1).against == second.number


@pytest.mark.timeout(PATIENT)
def test_a_version_before_that_is_gone_is_nothing_to_be_held_against(assay: Assay) -> None:
    version = misheard.version(assay, "drawn")
    manifest = assay.version("notes", 1).manifest or ""
    found = assay.artifacts.confirmed(manifest)
    found.chmod(0o600)
    found.write_bytes(b"{}")

    verdict = judge_control(assay, assay.application.model(None), version, by="the gate")

    assert (verdict.outcome, verdict.against) == ("passed", None)
    assert verdict.evidence["note"].startswith("version 1 cannot be asked: ")


@pytest.mark.timeout(PATIENT)
@pytest.mark.parametrize(("recipe", "passed"), [("swapped", False), ("drawn", True)])
def test_a_ruling_version_that_cannot_be_asked_for_now_is_held_to_be_what_it_was(
    assay: Assay, recipe: str, passed: bool
) -> None:
    version = misheard.version(assay, recipe)
    assert looked_at(assay).outcome == "passed"
    found = assay.artifacts.confirmed(assay.version("notes", 1).manifest or "")
    found.chmod(0o600)
    found.write_bytes(b"{}")

    verdict = judge_control(assay, assay.application.model(None), version, by="the gate")

    (remembered,) = [check for check in verdict.checks if check.name == "last_known"]
    assert (remembered.passed, verdict.outcome == "passed") == (passed, passed)
    assert "version 1 cannot be asked now" in remembered.detail
    assert "last_known" not in {check.name for check in looked_at(assay, version.number).checks}


@pytest.mark.timeout(PATIENT)
def test_without_a_control_set_what_was_held_out_is_taken(tmp_path: Path) -> None:
    with misheard.opened(tmp_path / "home") as assay:
        version = assay.version("notes")
        found = looked_at(assay)

        assert found.outcome == "passed"
        assert found.dataset == version.dataset
        assert (found.evidence["given"], found.evidence["inputs"]) == (False, version.test_rows)


@pytest.mark.timeout(PATIENT)
def test_a_control_set_that_cannot_be_read_refuses_a_candidate_and_is_no_verdict_on_who_rules(
    assay: Assay, tmp_path: Path
) -> None:
    version = misheard.version(assay, "drawn")
    assay.settings.control = str(tmp_path / "gone")

    found = judge_control(assay, assay.application.model(None), version, by="the gate")
    assert (found.outcome, named(found)) == ("failed", {"control_set"})
    assert str(tmp_path) not in found.checks[0].detail
    with pytest.raises(DataInvalid):
        looked_at(assay)


@pytest.mark.timeout(PATIENT)
def test_a_version_that_cannot_be_loaded_fails(assay: Assay) -> None:
    version = misheard.version(assay, "drawn")
    assert version.manifest is not None
    found = assay.artifacts.confirmed(version.manifest)
    found.chmod(0o600)
    found.write_bytes(b"{}")

    verdict = judge_control(assay, assay.application.model(None), version, by="the gate")

    assert named(verdict) == {"errors"}
    assert verdict.checks[0].detail.startswith("the version cannot be asked: ")


def test_a_model_of_numbers_has_no_control_set(tmp_path: Path) -> None:
    with tiny.opened(tmp_path / "home") as assay, pytest.raises(ApplicationInvalid, match="answers with a number"):
        looked_at(assay)


def test_who_does_not_answer_yet_is_asked_by_number(tmp_path: Path) -> None:
    with closing(Assay.at(heard.write(tmp_path / "app"))) as assay:
        with pytest.raises(NothingReleased):
            looked_at(assay)
        with pytest.raises(VersionNotFound):
            looked_at(assay, 7)
