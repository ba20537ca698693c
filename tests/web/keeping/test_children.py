"""A supervisor's process says once whether it is ready, and ends when the supervisor is gone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from assay.web.keeping.children import Child, Starter, report
from tests.web.running import eventually


def test_a_process_that_reads_the_settings_reports_what_it_found(tmp_path: Path) -> None:
    (tmp_path / "assay.toml").write_text("workers = 3")
    child = Starter(str(tmp_path), json.dumps({"port": 1}), 0).plan()
    assert child.report is None
    while child.hear():
        pass
    assert child.ready
    assert child.report is not None
    assert (child.report["plan"]["workers"], child.report["plan"]["port"]) == (3, 1)
    eventually(child.gone)


def test_one_that_refuses_says_why_and_one_that_only_ends_says_nothing(tmp_path: Path) -> None:
    refusing = Starter(str(tmp_path), json.dumps({"port": -1}), 0).plan()
    silent = Child("assay.web.keeping.nothing_of_the_kind", ["last"], ())
    for child in (refusing, silent):
        while child.hear():
            pass
        assert not child.ready
        eventually(child.gone)
    assert "port" in refusing.refused
    assert (silent.report, silent.refused) == ({}, "")


def test_a_report_is_said_once_and_for_good() -> None:
    heard, said = os.pipe()
    report(said, ready=True, trouble={"stone": "x"})
    with os.fdopen(heard) as lines:
        assert json.load(lines) == {"ready": True, "trouble": {"stone": "x"}}


def test_what_the_supervisor_needs_is_light() -> None:
    code = "import sys, assay.web.keeping.supervisor; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {
        "pydantic",
        "pydantic_settings",
        "uvicorn",
        "fastapi",
        "sqlalchemy",
        "numpy",
        "polars",
        "asyncio",
        "structlog",
    }
    assert not heavy & set(ran.stdout.split())
