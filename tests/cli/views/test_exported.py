"""What an export says while it runs, and at its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.app.record.exporting import Exported
from assay.cli.views.exported import progress, show_exported


def test_each_quarter_is_told_once_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress() as heard:
        for done in range(0, 1_001, 50):
            heard(done, 1_000)
        heard(0, 0)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" looked")[0] for line in lines] == ["250 of 1,000", "500 of 1,000", "750 of 1,000"]


def test_what_was_written_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    show_exported(Exported(rows=1_234, size=5_600_000), Path("a\x1b.parquet"), None, as_json=False)
    assert capsys.readouterr().out == "1,234 predictions, 5.6 MB: a\\x1b.parquet\n"
