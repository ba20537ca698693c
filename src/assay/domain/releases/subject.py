"""A subject: who or what falls to one arm of an experiment, and stays with it."""

from __future__ import annotations

from assay.errors import BadSubject

LONGEST_SUBJECT = 256  # bytes


def subject_of(told: str | bytes) -> str:
    """The subject as text; raises BadSubject."""
    try:
        text = told.decode() if isinstance(told, bytes) else told
        length = len(text.encode())
    except UnicodeError:
        raise BadSubject from None
    if not 0 < length <= LONGEST_SUBJECT or not text.isprintable():
        raise BadSubject
    return text
