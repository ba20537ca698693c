"""Parquet files: refused from their footer if their rows would not fit, and decoded in a process that may be lost."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import polars as pl

from assay.errors import DataInvalid

DECODED_BYTES = 2 << 30
TIMEOUT_S = 120
REFUSED = 3  # the child's status where its words are the refusal


def read(file: Path, label: str, *, trusted: bool = False, decoded_bytes: int = DECODED_BYTES) -> pl.DataFrame:
    """All rows; raises DataInvalid.

    Unless the file is `trusted`, a child process reads it under limits on memory, time and what it writes: a file that
    unpacks to more than `decoded_bytes`, or that harms whoever opens it, ends that process and is refused.
    """
    if trusted:
        return pl.read_parquet(file)
    with tempfile.TemporaryDirectory(prefix="assay-") as folder:
        target = Path(folder) / "rows.arrow"
        command = [sys.executable, "-m", "assay.sources.decoding", str(file), str(target), str(decoded_bytes)]
        try:
            ran = subprocess.run(  # noqa: S603 - our own module, and paths as single arguments
                command, capture_output=True, timeout=TIMEOUT_S, check=False, stdin=subprocess.DEVNULL
            )
        except subprocess.TimeoutExpired as late:
            raise DataInvalid(f"{label}: decoding takes longer than {TIMEOUT_S} s.") from late
        if ran.returncode == REFUSED:
            raise DataInvalid(f"{label}: {ran.stdout.decode('utf-8', 'replace').strip()}")
        if ran.returncode != 0 or not target.exists():
            limit = f"{decoded_bytes:,} bytes"
            raise DataInvalid(
                f"{label}: the file cannot be read as .parquet: it is damaged, or unpacks to over {limit}."
            )
        return pl.read_ipc(target)
