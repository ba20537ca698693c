"""Goes through a recording once: what it is, whether it can be heard, and its samples as engines get them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import soxr
from numpy.typing import NDArray

from assay.domain.items.item import Sound
from assay.errors import AudioRejected, AudioTooLong
from assay.sources.audio import compressed, waves
from assay.sources.audio.sniffing import Format, sniff

BLOCK = 65_536  # frames that are held at a time
QUALITY = "HQ"  # of soxr: 100 dB of silence beside what is heard
LIE = 10  # a header that claims more than so many times what is there was not just cut off
SILENCE = 1e-4  # of full scale: below it there is nothing to be heard
Samples = NDArray[np.float32]
Give = Callable[[Samples], object]


@dataclass(frozen=True, kw_only=True)
class Source:
    """A recording that is open: `claimed` frames by its header, of which `there` are; None where that is not known yet."""

    format: Format
    rate: int
    channels: int
    claimed: int | None
    there: int | None
    blocks: Iterable[Samples]
    notes: tuple[str, ...] = ()


def hear(file: BinaryIO, rate: int, longest_s: float, give: Give) -> Sound:
    """What the recording is. Its samples, float32 [n] mono in [-1, 1] at `rate`, are given in pieces; none if it is 0.

    Raises AudioRejected, AudioUnsupported, or AudioTooLong where it sounds for more than `longest_s` seconds; what the
    header tells is judged before anything is decoded.
    """
    with _opened(file) as source:
        waves.check_shape(source.rate, source.channels)
        expected = source.claimed if source.there is None else source.there
        if expected is not None:
            _check_longest(expected, source.rate, longest_s)
        if source.there is not None:
            _check_frames(source.there, source)
        listener = _Listener(source, rate, give)
        for block in source.blocks:
            listener.take(block)
            _check_longest(listener.frames, source.rate, longest_s)
        _check_frames(listener.frames, source)
        listener.end()
        return Sound(
            format=source.format, rate=source.rate, channels=source.channels, frames=listener.frames,
            notes=tuple(_notes(source, listener)),
        )  # fmt: skip


class _Listener:
    """Mixes each block to one channel and brings it to the rate that is asked for."""

    def __init__(self, source: Source, rate: int, give: Give) -> None:
        self.frames = 0
        self.peak = 0.0  # of what was mixed
        self.loudest = 0.0  # of any channel, before it was clipped
        self._give = give
        self._silent = rate == 0
        self._resampler: soxr.ResampleStream | None = None
        if rate not in (0, source.rate):
            self._resampler = soxr.ResampleStream(source.rate, rate, 1, dtype="float32", quality=QUALITY)

    def take(self, block: Samples) -> None:
        """Hears the next frames, float32 [frames, channels]; raises AudioRejected."""
        if not len(block):
            return
        if not np.isfinite(block).all():
            raise AudioRejected("The recording has a sample that is not a finite number.", "bad_samples")
        self.frames += len(block)
        self.loudest = max(self.loudest, float(np.abs(block).max()))
        mixed = np.clip(block, -1, 1).mean(axis=1, dtype=np.float32)
        self.peak = max(self.peak, float(np.abs(mixed).max()))
        self._pass_on(mixed, last=False)

    def end(self) -> None:
        """Gives what the resampler still holds."""
        if self._resampler is not None:
            self._pass_on(np.empty(0, np.float32), last=True)

    def _pass_on(self, mixed: Samples, *, last: bool) -> None:
        if self._silent:
            return
        if self._resampler is not None:  # which may go a little beyond what it was given
            mixed = np.clip(self._resampler.resample_chunk(mixed, last=last), -1, 1)
        if len(mixed):
            self._give(mixed)


@contextmanager
def _opened(file: BinaryIO) -> Iterator[Source]:
    kind, start = sniff(file)
    if kind == "wav":
        wave = waves.read_header(file)
        yield Source(
            format=kind, rate=wave.rate, channels=wave.channels, claimed=wave.claimed, there=wave.frames,
            blocks=waves.blocks(file, wave, BLOCK), notes=("streamed",) if wave.claimed is None else (),
        )  # fmt: skip
        return
    cut = kind == "ogg" and compressed.is_cut(file)
    with compressed.opened(file, kind, start) as stream:
        yield Source(
            format=kind, rate=stream.samplerate, channels=stream.channels, claimed=compressed.claimed_frames(stream),
            there=None, blocks=compressed.blocks(stream, BLOCK), notes=("truncated",) if cut else (),
        )  # fmt: skip


def _check_longest(frames: int, rate: int, longest_s: float) -> None:
    if frames > longest_s * rate:
        raise AudioTooLong(f"The recording sounds for more than {longest_s:,g} seconds; that is the longest it may.")


def _check_frames(frames: int, source: Source) -> None:
    if not frames:
        raise AudioRejected("The recording has no samples.", "empty")
    if source.claimed is not None and source.claimed > LIE * frames:
        told = f"The header claims {source.claimed:,} frames, and {frames:,} are there."
        raise AudioRejected(told, "header_lies")
    if frames < source.rate:
        cut = source.claimed is not None and source.claimed > frames
        of = f" of the {(source.claimed or 0) / source.rate:.3f} that its header claims" if cut else ""
        told = f"The recording sounds for {frames / source.rate:.3f} seconds{of}; a whole second is needed."
        raise AudioRejected(told, "too_short")


def _notes(source: Source, heard: _Listener) -> Iterator[str]:
    yield from source.notes
    if source.claimed is not None and heard.frames < source.claimed and "truncated" not in source.notes:
        yield "truncated"
    if heard.peak < SILENCE:
        yield "silent"
    if source.format == "wav" and heard.loudest > 1:  # lossy codecs overshoot by nature
        yield "clipped"
