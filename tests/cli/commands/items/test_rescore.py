"""`assay rescore` scores what is left, says what came of it, or only queues it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from assay.app import Assay
from tests import stamped
from tests.cli.conftest import as_json, run

Call = Callable[..., Result]


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    with stamped.opened(tmp_path / "home") as opened:
        stamped.keep(opened, range(5))
        stamped.rule(opened, 1)
        yield opened


@pytest.fixture
def call(assay: Assay) -> Call:
    return lambda *more: run("rescore", stamped.application(), "--home", assay.home, *more)


def test_what_is_left_is_scored_and_told(call: Call) -> None:
    done = call()
    assert done.exit_code == 0, done.output
    assert "5 scored, 0 failed; done." in done.stdout
    assert "● to readers" in done.stdout
    again = as_json(call("--json"))
    assert again["models"] == {"notes": {"scored": 0, "failed": 0, "moved": 0, "ended": "done"}}
    (state,) = again["sweeps"]
    assert (state["wanted"], state["scored"], state["left"], state["finished_at"] is not None) == (5, 5, 0, True)


def test_what_fails_is_told_with_its_reason_and_the_status(assay: Assay, call: Call) -> None:
    (gone,) = stamped.keep(assay, [9])
    assay.artifacts.path(gone.digest).unlink()
    done = call()
    assert done.exit_code == 1
    assert "1 of files fail by version 1: The file" in done.stdout
    assert stamped.name(9) in done.stdout
    told: Any = call("--json")
    assert told.exit_code == 1


def test_it_is_only_queued(assay: Assay, call: Call) -> None:
    done = call("--no-wait")
    assert (done.exit_code, done.stdout.startswith("notes: job ")) == (0, True)
    (job,) = as_json(call("--no-wait", "--json"))["jobs"]
    assert (job["verb"], job["state"], job["by"]) == ("rescore", "queued", "assay rescore")
    assert assay.sweeps.newest(stamped.COLLECTION, stamped.MODEL, 1) is None


def test_one_model_is_meant_by_its_name(call: Call) -> None:
    assert call("--model", "notes").exit_code == 0
    unknown = call("--model", "nothing")
    assert (unknown.exit_code, "no model named 'nothing'" in unknown.stderr) == (1, True)


def test_an_application_without_items_says_so(app: Path, tmp_path: Path) -> None:
    done = run("rescore", app, "--home", tmp_path / "none")
    assert (done.exit_code, "declares no assay.Items" in done.stderr) == (1, True)
