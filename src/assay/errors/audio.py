"""Recordings that cannot be heard."""

from __future__ import annotations

from assay.errors.fact import AssayError


class AudioRejected(AssayError):
    """The recording is not acceptable; `kind` is the rule where there is one."""

    def __init__(self, message: str = "", kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind


class AudioUnsupported(AssayError):
    """The file is no recording that is read here, by its content; WAV, FLAC, Ogg (Vorbis or Opus) and MP3 are."""


class AudioTooLong(AssayError):
    """The recording sounds longer than it may."""
