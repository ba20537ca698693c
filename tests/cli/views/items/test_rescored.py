"""A sweep's progress is shown at each quarter, and a version that rests is told with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.app.items.progress import states
from assay.cli.views.items.rescored import progress, rescore_now, state_json
from assay.store.items.sweeps import Work
from tests import stamped


def test_each_quarter_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("notes") as heard:
        for done in range(0, 101, 10):
            heard("version 1", done, 100)
        heard("done", 0, 0)
    said = capsys.readouterr().err.splitlines()
    assert said == [f"notes: version 1: {done} of 100" for done in (30, 50, 80)]


def test_a_version_that_rests_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with stamped.opened(tmp_path / "home") as assay:
        stamped.keep(assay, [1])
        stamped.rule(assay, 1)
        graph = assay.loader.manifest(assay.versions.find(stamped.MODEL, 1)).files["graph"].sha256
        assay.artifacts.drop(graph)
        assert not rescore_now(assay, None, as_json=False)
        said = capsys.readouterr().out
        assert "version 1 rests: The file" in said
        (state,) = states(assay, assay.application.collection(stamped.COLLECTION))
        assert state_json(state)["rests"].startswith("The file")
        assert state_json(state)["finished_at"] is None
        assay.sweeps.rest(Work(stamped.COLLECTION, stamped.MODEL, 1), "a", "\x1b[2J")
        assert not rescore_now(assay, stamped.MODEL, as_json=False)
        assert "\x1b[2J" not in capsys.readouterr().out
