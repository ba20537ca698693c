"""Where recordings to learn from are, if nobody names others: the synthetic speech beside this file."""

from __future__ import annotations

from pathlib import Path

SPEECH = Path(__file__).parent / "speech"


def rows() -> Path:
    """The folder of recordings with its utterances.csv."""
    return SPEECH
