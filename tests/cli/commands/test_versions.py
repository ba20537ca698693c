"""`assay versions`, `evaluate`, `promote` and `rollback` on a real home."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run, as_json, run


def test_every_version_is_listed_failed_ones_too(assay: Run) -> None:
    told = as_json(assay("versions", "--json"))
    assert [(one["number"], one["status"]) for one in told["versions"]] == [(3, "failed"), (2, "ready"), (1, "ready")]
    assert told["ruling"] == 1


def test_no_version_is_no_failure(app: Path, tmp_path: Path) -> None:
    done = run("versions", app, "--home", tmp_path / "home")
    assert done.exit_code == 0
    assert "no versions yet" in done.stderr


def test_a_version_is_evaluated_on_the_rows_held_out_and_on_others(assay: Run, tmp_path: Path) -> None:
    held = as_json(assay("evaluate", "--json"))
    assert (held["version"], held["split"]) == (1, "held-out")
    (tmp_path / "more.csv").write_text("area,kind,rooms,price\n" + "50,flat,2,50000\n150,house,4,171000\n" * 10)
    other = as_json(assay("evaluate", 2, "--data", tmp_path / "more.csv", "--json"))
    assert (other["version"], other["split"], other["rows"]) == (2, "all", 20)
    assert "● " not in assay("evaluate").stdout


def test_promotion_and_rollback_say_who_answered_and_who_answers(assay: Run) -> None:
    promoted = assay("promote", 2)
    assert promoted.exit_code == 0
    assert "version 1 answered until now; version 2 answers from now on" in promoted.stdout
    again = assay("promote", 2)
    assert (again.exit_code, "answers already" in again.stdout) == (0, True)
    back = as_json(assay("rollback", "--json"))
    assert (back["version"], back["previous"], back["changed"]) == (1, 2, True)


@pytest.mark.parametrize(("number", "said"), [(999, "no version 999"), (3, "failed")])
def test_a_version_that_cannot_answer_is_not_promoted(assay: Run, number: int, said: str) -> None:
    refused = assay("promote", number)
    assert refused.exit_code == 1
    assert said in refused.stderr
    assert as_json(assay("versions", "--json"))["ruling"] == 1


def test_there_may_be_nothing_to_go_back_to(assay: Run) -> None:
    refused = assay("rollback")
    assert refused.exit_code == 1
    assert "nothing to go back to" in refused.stderr
