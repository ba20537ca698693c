"""JSON Lines are read line by line, each one flat object."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.errors import DataInvalid
from assay.sources.lines import check, read


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "x.jsonl"
    file.write_text(text)
    return file


def test_keys_that_lack_are_null_and_blank_lines_do_not_count(tmp_path: Path) -> None:
    file = written(tmp_path, '{"a": 1, "b": "x"}\n\n{"b": null, "a": 2.5}\r\n  \n{"c": true}')
    assert read(file, "x").rows() == [(1.0, "x", None), (2.5, None, None), (None, None, True)]


def test_a_file_of_blank_lines_has_no_rows(tmp_path: Path) -> None:
    assert read(written(tmp_path, "\n\n"), "x").height == 0


@pytest.mark.parametrize(
    ("line", "says"),
    [('{"a": [1]}', "line 3: Expected"), ('{"a": "x"}', "line 3: 'a' is a text, and a number in line 1"), ("x", "line 3: JSON is malformed"),
     ('{"a": "\\u0000"}', "line 3: holds a NUL")],
)  # fmt: skip
def test_a_fault_is_found_by_its_line(line: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(DataInvalid, match=says):
        check(written(tmp_path, '{"a": 1}\n{"a": null}\n' + line + "\n"), "x")
