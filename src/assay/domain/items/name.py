"""What an item may be called: a name for people, which no file of ours is ever opened by."""

from __future__ import annotations

import unicodedata

from assay.errors import ItemRejected

LONGEST_BYTES = 255  # of UTF-8
LAST_WORDS = ("content", "scores", "history")  # of addresses below an item's own
REPLACEMENT = "\ufffd"  # what bytes that are no UTF-8 have become
UNSEEN = ("Cc", "Cs", "Zl", "Zp")  # control characters, halves of characters, and the ends of lines and paragraphs


def check_name(name: str) -> None:
    """Raises ItemRejected, with the rule, for what cannot be a name."""
    told = fault_of(name)
    if told:
        raise ItemRejected(f"An item's name {told}.", "invalid_name")


def fault_of(name: str) -> str:
    """Which rule a name breaks, empty where it breaks none."""
    if not name:
        return "must not be empty"
    if REPLACEMENT in name or any(unicodedata.category(one) in UNSEEN for one in name):
        return "is UTF-8 without control characters or line breaks"
    if len(name.encode()) > LONGEST_BYTES:
        return f"has at most {LONGEST_BYTES} bytes of UTF-8"
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts):
        return "neither begins nor ends with '/', and has no empty part and none that is '.' or '..'"
    if len(parts) > 1 and parts[-1] in LAST_WORDS:
        return f"does not end with '/{parts[-1]}', which is an address of its own"
    return ""
