"""What cannot be said is forgotten, and what can is said at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from assay.web.keeping.saying import Saying

PROGRAM = """
import sys
from assay.web.keeping.saying import Saying
sys.stderr = Saying()
for _ in range(3):
    print("a line", file=sys.stderr)
    sys.stderr.flush()
"""


def test_what_is_said_is_there_at_once(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        saying = Saying(log.fileno())
        print("one line \ud800", file=saying)
        assert (tmp_path / "log").read_bytes() == b"one line \\ud800\n"
        saying.write("a part")
        assert (tmp_path / "log").stat().st_size == len(b"one line \\ud800\n"), (
            "others write between the parts of a line"
        )
        saying.flush()
        assert (tmp_path / "log").read_text().endswith("\na part")
        assert saying.writable()
        assert saying.fileno() == log.fileno()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_without_room_nothing_fails_also_at_the_end() -> None:
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run([sys.executable, "-c", PROGRAM], stderr=full, check=False)
        assert ran.returncode == 0
        plain = PROGRAM.replace("sys.stderr = Saying()", "")
        assert subprocess.run([sys.executable, "-c", plain], stderr=full, check=False).returncode != 0
