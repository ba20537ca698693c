"""The log: one JSON object a line on standard error, and nothing on standard output."""

from __future__ import annotations

import json
import subprocess
import sys

SAY = """
import structlog
from assay.logs import configure_log
configure_log()
log = structlog.get_logger("assay")
log.info("version_answers", model="stone", version=2)
try:
    1 / 0
except ZeroDivisionError:
    log.exception("job_failed", job="one\\ntwo")
"""


def test_each_event_is_one_line_of_json_on_standard_error() -> None:
    said = subprocess.run([sys.executable, "-c", SAY], capture_output=True, text=True, check=True)
    assert said.stdout == ""
    first, second = (json.loads(line) for line in said.stderr.splitlines())
    assert (first["event"], first["level"], first["model"], first["version"]) == ("version_answers", "info", "stone", 2)
    assert first["timestamp"].endswith("Z")
    assert second["job"] == "one\ntwo"
    assert "ZeroDivisionError" in second["exception"]
