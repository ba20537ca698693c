"""`assay items` lists what is kept, one or all, and refuses what it cannot mean."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result

from assay.app import Assay
from assay.clock import now_us
from assay.domain.items.item import Sound
from assay.domain.items.refusal import Refusal
from assay.domain.items.score import Standing
from assay.store.items import items, refusals
from assay.store.items.standings import stand
from tests import heard, rows
from tests.cli.conftest import run

Ask = Callable[..., Result]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An application with three items, of which one is scored and one had another before, and a refused file."""
    folder = heard.write(tmp_path_factory.mktemp("kept") / "app")
    with closing(Assay.at(folder)) as assay, assay.database.writing() as connection:
        long = rows.item(
            "c\x1b[2J.wav", sound=Sound(format="flac", rate=44_100, channels=2, frames=44_100 * 75, notes=("silent",))
        )
        for one in (rows.item("a.wav", digest="ab" * 32), rows.item("a.wav"), rows.item("b.wav"), long):
            items.add(connection, one)
        scored = items.find(connection, "files", "a.wav")
        stand(
            connection,
            [Standing(item=scored.id, model="notes", score="0" * 32, version=3, run=0, decision=1, at=now_us())],
        )
        told = {"place": "1", "at": 0, "code": "empty", "error": "The recording has no samples."}
        refusals.put(connection, Refusal(collection="files", name="x.wav", **told))  # type: ignore[arg-type]  # of both kinds
    return folder


@pytest.fixture
def ask(place: Path) -> Iterator[Ask]:
    yield lambda *more: run("items", place, *more)


def test_items_are_listed_with_what_stands(ask: Ask) -> None:
    done = ask()
    assert done.exit_code == 0, done.output
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    assert lines[0].split() == ["name", "duration", "format", "version", "scored"]
    assert lines[2].split()[:6] == ["a.wav", "1.0", "s", "wav", "8,000", "Hz"]
    assert lines[2].split()[6] == "3"
    assert "not yet" in lines[3]
    assert lines[4].strip().startswith("c\\x1b[2J.wav")
    assert "1m 15.0s" in lines[4]
    assert "3 kept, 1 watched files refused" in done.stderr


def test_a_list_goes_on_after_a_name(ask: Ask) -> None:
    first = ask("--limit", 1)
    assert "more with --after a.wav" in first.stderr
    second = ask("--after", "a.wav", "--prefix", "b", "--json")
    told = json.loads(second.stdout)
    assert [one["name"] for one in told["items"]] == ["b.wav"]
    assert (told["kept"], told["refused"], told["after"]) == (3, 1, None)
    assert json.loads(ask("--limit", 2, "--json").stdout)["after"] == "b.wav"
    assert "No item's name is like that" in ask("--prefix", "z").stderr


def test_all_about_one(ask: Ask) -> None:
    done = ask("a.wav")
    assert done.exit_code == 0, done.output
    for said in ("1.0 s", "wav, 8,000 Hz, mono", "notes", "replaced", "abababababab…"):
        assert said in done.stdout
    told = json.loads(ask("a.wav", "--json").stdout)
    assert (told["duration_seconds"], told["standing"][0]["version"], told["before"][0]["ending"]) == (
        1.0,
        3,
        "replaced",
    )


def test_refused_files_are_listed_with_the_reason(ask: Ask) -> None:
    assert "The recording has no samples." in ask("--refused").stdout
    (told,) = json.loads(ask("--refused", "--json").stdout)["refused"]
    assert (told["name"], told["code"]) == ("x.wav", "empty")
    assert "No watched file is refused" in ask("--refused", "--after", "x.wav").stderr


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [(["other"], 1, "no item named 'other'"), (["--collection", "other"], 1, "no collection named"), (["a\n"], 2, "line breaks"),
     (["a.wav", "--refused"], 2, "for lists"), (["--refused", "--prefix", "a"], 2, "for items"), (["--limit", "0"], 2, "limit")],
)  # fmt: skip
def test_what_it_cannot_mean_is_refused(ask: Ask, words: list[str], status: int, said: str) -> None:
    done = ask(*words)
    assert (done.exit_code, said in done.stderr) == (status, True), done.stderr
