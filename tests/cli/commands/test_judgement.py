"""`assay verdicts`, `watch`, `approve` and `replay` on real homes."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests import heard
from tests.cli.conftest import DATA, MODEL, QUESTION, Run, as_json, run


@pytest.fixture
def cautious(tmp_path: Path) -> Path:
    """The application with a gate at which a person decides, trained once."""
    folder = tmp_path / "cautious"
    folder.mkdir()
    gate = "gate=assay.Gate(approval=True, replay=0)"
    (folder / "model.py").write_text(MODEL.replace('similar_by="area",', f'similar_by="area", {gate},'))
    (folder / "data.py").write_text(DATA)
    done = run("train", folder)
    assert done.exit_code == 0, done.output
    return folder


def ask(assay: Run, count: int) -> list[str]:
    """So many recorded answers; their ids."""
    questions = [QUESTION | {"area": 20.0 + i} for i in range(count)]
    return [one["id"] for one in as_json(assay("predict", json.dumps(questions), "--json"))]


def test_a_version_waits_until_somebody_approves_it(cautious: Path) -> None:
    waiting = as_json(run("verdicts", cautious, "--json"))["verdicts"]
    assert [one["outcome"] for one in waiting] == ["waiting"]
    number = waiting[0]["version"]
    assert as_json(run("versions", cautious, "--json"))["ruling"] is None
    assert "waiting" in run("verdicts", cautious).stdout
    approved = run("approve", cautious, number, "--reason", "Ada looked at it")
    assert approved.exit_code == 0, approved.output
    assert f"version {number} answers from now on" in approved.stdout
    told = as_json(run("verdicts", cautious, number, "--json"))["verdicts"]
    assert [(one["outcome"], one["evidence"].get("reason")) for one in told] == [
        ("approved", "Ada looked at it"), ("waiting", None),
    ]  # fmt: skip
    again = run("approve", cautious, number)
    assert (again.exit_code, "does not wait for approval" in again.stderr) == (1, True)


def test_what_does_not_wait_cannot_be_approved(assay: Run) -> None:
    refused = assay("approve", 1, "--json")
    assert (refused.exit_code, "'passed'" in refused.stderr) == (1, True)
    assert assay("approve", 77).exit_code == 1
    assert assay("approve", 2, "--reason", "two\nlines").exit_code == 2


def test_every_verdict_and_every_check_can_be_seen(assay: Run) -> None:
    told = as_json(assay("verdicts", "--json"))
    assert (told["model"], [one["version"] for one in told["verdicts"]]) == ("house-price", [1])
    shown = assay("verdicts", 1).stdout
    assert [
        word for word in ("gate of version 1", "passed", "ok", "champion", "nothing ruled before") if word not in shown
    ] == []
    assert "has not been judged" in assay("verdicts", 3).stderr
    assert assay("verdicts", 99).exit_code == 1


def test_recorded_answers_are_given_again(assay: Run) -> None:
    ids = ask(assay, 25)
    told = as_json(assay("replay", "--json"))
    assert (told["replayed"], told["equal"], told["different"], told["cannot"], told["first"]) == (25, 25, 0, [], [])
    assert "25 equal byte for byte, 0 different" in assay("replay", "--since", "1h").stdout
    one = as_json(assay("replay", ids[3], "--json"))
    assert (one["id"], one["equal"], one["recorded"]) == (ids[3], True, one["recomputed"])
    assert "equal, byte for byte" in assay("replay", ids[3]).stdout
    assert as_json(assay("replay", "--limit", 5, "--json"))["replayed"] == 5
    assert as_json(assay("replay", "--since", "2999-01-01T00:00:00Z", "--json"))["replayed"] == 0


def test_an_answer_that_was_changed_in_the_record_is_found(assay: Run, home: Path) -> None:
    ids = ask(assay, 3)
    record = sqlite3.connect(home / "assay.db")
    with record:
        record.execute("UPDATE predictions SET answer = '1.0' WHERE id = ?", (ids[1],))
    record.close()
    done = assay("replay")
    assert (done.exit_code, "1 different" in done.stdout, ids[1] in done.stdout) == (1, True, True)
    told = assay("replay", "--json")
    assert [one["id"] for one in json.loads(told.stdout)["first"]] == [ids[1]]
    assert (told.exit_code, assay("replay", ids[1]).exit_code, assay("replay", ids[2]).exit_code) == (1, 1, 0)
    assert "different" in assay("replay", ids[1]).stdout


@pytest.mark.parametrize(
    "words",
    [
        ("--since", "yesterday"), ("--since", "2026-03-03"), ("--since", "2w"), ("--since", "9999999999h"), ("--limit", 0),
        ("nothing",), ("0" * 32, "--since", "1h"), ("0" * 32, "--limit", 3),
    ],
)  # fmt: skip
def test_what_is_no_time_and_no_id_is_a_misuse(assay: Run, words: tuple[object, ...]) -> None:
    assert assay("replay", *words).exit_code == 2


def test_what_a_time_must_be_is_a_sentence(assay: Run) -> None:
    assert "'yesterday' must be a time with a zone such as" in assay("replay", "--since", "yesterday").stderr


def test_an_answer_that_was_never_given_is_not_found(assay: Run) -> None:
    done = assay("replay", "0" * 32)
    assert (done.exit_code, "holds no prediction" in done.stderr) == (1, True)


def test_a_version_is_held_against_the_control_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app, home = heard.application(), tmp_path / "home"
    shutil.copytree(app / ".assay", home)
    done = run("watch", app, "--home", home)
    assert done.exit_code == 0, done.output
    for words in ("control set of version 1", "passed", "held out when it was trained", "average_precision", "middle"):
        assert words in done.stdout

    folder = heard.write_recordings(tmp_path / "control", 20, 6, seed=5)
    table = folder / "utterances.csv"
    names = {"low": "middle", "middle": "low", "high": "high"}
    lines = [line.split(",") for line in table.read_text().splitlines()[1:]]
    told = ["file,utterance,start_s,end_s", *(",".join([one[0], names[one[1]], *one[2:]]) for one in lines)]
    table.write_text("\n".join(told) + "\n")
    monkeypatch.setenv("ASSAY_CONTROL", str(folder))
    failed = run("watch", app, heard.PLAIN, "--home", home, "--json")
    assert failed.exit_code == 1
    found = json.loads(failed.stdout)
    assert (found["kind"], found["outcome"], found["version"], found["against"]) == ("control", "failed", 2, 1)
    assert "labels" in {check["name"] for check in found["checks"] if not check["passed"]}
    assert as_json(run("verdicts", app, 2, "--home", home, "--json"))["verdicts"][0]["id"] == found["id"]


def test_a_model_of_numbers_cannot_be_watched(assay: Run) -> None:
    refused = assay("watch")
    assert (refused.exit_code, "answers with a number" in refused.stderr) == (1, True)
    assert assay("watch", 0).exit_code == 2
