"""`assay experiment` begins, changes, shows and stops an experiment, and says what means nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest

from assay.cli.commands.experiments.experiment import Share, check
from tests.cli.conftest import run

NOTHING: dict[str, Any] = {"arms": (), "shadows": (), "mode": None, "name": None, "winner": None, "reason": None}


def experiment(app: Path, home: Path, *told: object) -> Any:
    done = run("experiment", app, *told, "--home", home, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_an_experiment_from_its_beginning_to_its_end(app: Path, home: Path) -> None:
    begun = experiment(
        app, home, "start", "--arm", "1=0.5", "--arm", "2=0.5", "--name", "checkout", "--reason", "why not"
    )
    assert begun["rollout"]["arms"] == [{"version": 1, "share": 0.5}, {"version": 2, "share": 0.5}]
    assert (begun["rollout"]["by"], begun["rollout"]["reason"]) == ("assay experiment", "why not")
    assert experiment(app, home)["experiment"] == "checkout"
    changed = experiment(app, home, "change", "--arm", "2=.25", "--arm", "1=.75")
    assert [arm["share"] for arm in changed["rollout"]["arms"]] == [0.75, 0.25]
    assert experiment(app, home, "stop", "--winner", "2")["rollout"]["version"] == 2
    assert experiment(app, home, "status", "--name", "checkout")["until"] is not None
    shadowed = experiment(app, home, "start", "--shadow", "1")
    assert (shadowed["rollout"]["shadows"], shadowed["rollout"]["experiment"]) == ([1], "experiment-1")
    assert experiment(app, home, "stop")["rollout"]["version"] == 2
    shown = run("experiment", app, "--home", home)
    assert "experiment experiment-1" in shown.stdout


def test_a_rule_that_is_broken_is_told(app: Path, home: Path) -> None:
    done = run("experiment", app, "start", "--arm", "1=0.5", "--arm", "2=0.4", "--home", home)
    assert (done.exit_code, "come to 0.9" in done.stderr) == (1, True)
    assert run("experiment", app, "--home", home).exit_code == 1


@pytest.mark.parametrize(
    "told",
    [("start",), ("change",), ("start", "--arm", "1=1", "--winner", "1"), ("stop", "--arm", "1=1"), ("--mode", "all"),
     ("go",), ("start", "--arm", "1"), ("start", "--arm", "0=1"), ("start", "--arm", "1=x"), ("start", "--shadow", "0")],
)  # fmt: skip
def test_what_means_nothing_is_misuse(app: Path, home: Path, told: tuple[str, ...]) -> None:
    assert run("experiment", app, *told, "--home", home).exit_code == 2


@pytest.mark.parametrize("action", ["status", "stop"])
def test_an_action_needs_nobody_to_take_part(action: str) -> None:
    check(action, NOTHING)


def test_a_share_is_read_once() -> None:
    assert Share().convert((3, 0.5), None, None) == Share().convert("3=0.5", None, None) == (3, 0.5)
    with pytest.raises(click.BadParameter, match=r"such as 3=0\.5"):
        Share().convert("3", None, None)
