"""FLAC, Ogg and MP3 recordings, decoded by libsndfile; only a process under limits does this."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np
import soundfile
from numpy.typing import NDArray

from assay.errors import AudioRejected, AudioUnsupported
from assay.sources.audio.sniffing import READ, Format

CODECS = {"flac": ("FLAC", None), "ogg": ("OGG", ("VORBIS", "OPUS")), "mp3": ("MP3", ("MPEG_LAYER_III",))}
_ENDLESS = 1 << 62  # what the library says where it does not know the number of frames
_FED = 1 << 16
_LAST_PAGE = 65_307  # the longest page that Ogg has
Samples = NDArray[np.float32]


class Stream(soundfile.SoundFile):  # type: ignore[misc]  # the library ships no types
    """A recording that is read once, from its beginning to its end: the library would go and look after each block."""

    def seekable(self) -> bool:
        """Never."""
        return False


@contextmanager
def opened(file: BinaryIO, kind: Format, start: int) -> Iterator[Stream]:
    """The recording as a stream; raises AudioRejected or AudioUnsupported."""
    with _fed(file, start) if kind == "mp3" else _whole(file) as descriptor:
        try:
            stream = Stream(descriptor, closefd=False)
        except (soundfile.SoundFileError, RuntimeError) as wrong:
            raise AudioRejected("The recording is damaged: its header cannot be read.", "damaged") from wrong
        with stream:
            container, codecs = CODECS[kind]
            if stream.format != container or (codecs and stream.subtype not in codecs):
                raise AudioUnsupported(f"The recording is {stream.format} of {stream.subtype}; {READ}.")
            yield stream


def claimed_frames(stream: Stream) -> int | None:
    """How many frames the header tells of, if it does."""
    frames: int = stream.frames
    return frames if 0 < frames < _ENDLESS else None


def blocks(stream: Stream, frames: int) -> Iterator[Samples]:
    """The samples in blocks of at most so many frames, float32 [frames, channels]; the next block takes the place of the last.

    Where the recording is damaged it ends, and what stands before that is given.
    """
    block = np.empty((frames, stream.channels), np.float32)
    while True:
        block.fill(np.nan)
        try:
            count = stream.buffer_read_into(block, "float32")
        except soundfile.SoundFileError:  # which does not say how much it had decoded
            unfilled = np.flatnonzero(np.isnan(block[:, -1]))
            yield block[: unfilled[0] if len(unfilled) else frames]
            return
        if not count:
            return
        yield block[:count]


def is_cut(file: BinaryIO) -> bool:
    """Whether an Ogg file lacks its last page, or a part of it."""
    size = os.fstat(file.fileno()).st_size
    file.seek(max(size - _LAST_PAGE, 0))
    tail = file.read()
    page = tail[max(tail.rfind(b"OggS"), 0) :]
    if len(page) < 27 or len(page) < 27 + page[26]:
        return True
    return not page[5] & 4 or len(page) < 27 + page[26] + sum(page[27 : 27 + page[26]])


@contextmanager
def _whole(file: BinaryIO) -> Iterator[int]:
    os.lseek(file.fileno(), 0, os.SEEK_SET)
    yield file.fileno()


@contextmanager
def _fed(file: BinaryIO, start: int) -> Iterator[int]:
    """A pipe through which the file comes: of one that it can seek in, the library believes an estimate of its length."""
    outlet, inlet = os.pipe()
    file.seek(start)
    feeding = threading.Thread(target=_feed, args=(file, inlet), name="feeding", daemon=True)
    feeding.start()
    try:
        yield outlet
    finally:
        os.close(outlet)  # which ends the feeding
        feeding.join()


def _feed(file: BinaryIO, inlet: int) -> None:
    with os.fdopen(inlet, "wb", buffering=0) as pipe:
        try:
            while chunk := file.read(_FED):
                pipe.write(chunk)
        except BrokenPipeError:  # nobody listens any more
            return
