"""WAV files (RIFF, RIFX and RF64): a bounded walk to their samples, and those that are really there."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from assay.domain.question.field import RATES
from assay.errors import AudioRejected, AudioUnsupported

MOST_CHUNKS = 1_000
MOST_CHANNELS = 32
UNTOLD = 0xFFFFFFFF  # the length that is written where nobody could go back to fill it in
PCM, FLOAT, A_LAW, MU_LAW, EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
BITS = {PCM: (8, 16, 24, 32), FLOAT: (32, 64), A_LAW: (8,), MU_LAW: (8,)}
_KINDS = {
    2: "Microsoft ADPCM", 0x11: "IMA ADPCM", 0x31: "GSM 6.10", 0x40: "G.721 ADPCM", 0x50: "MPEG", 0x55: "MP3", 0x161: "WMA",
}  # fmt: skip
_SUBFORMAT = bytes.fromhex("000000001000800000aa00389b71")  # the rest of the id whose first two bytes are the kind
_FORMAT_BYTES = 16
_EXTENDED_BYTES = 40
Samples = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Wave:
    """Where the samples are and how they are written; `claimed` frames of which `frames` are there.

    `claimed` is None where the header leaves the length open.
    """

    kind: int
    bits: int
    rate: int
    channels: int
    order: str
    start: int = 0
    frames: int = 0
    claimed: int | None = None

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of every channel."""
        return self.channels * self.bits // 8


@dataclass(frozen=True, kw_only=True)
class _Chunk:
    name: bytes
    start: int
    size: int


def read_header(file: BinaryIO) -> Wave:
    """The first `fmt ` and `data` chunks of a WAV file; raises AudioRejected or AudioUnsupported."""
    size = os.fstat(file.fileno()).st_size
    file.seek(0)
    riff = file.read(12)
    order = ">" if riff.startswith(b"RIFX") else "<"
    told: Wave | None = None
    long_data: int | None = None
    for chunk in _chunks(file, size, order):
        if chunk.name == b"ds64":
            long_data = _long_data(file, chunk)
        elif chunk.name == b"fmt ":
            if told is not None:
                raise AudioRejected("The file has two format chunks.", "bad_format")
            told = _format(file, chunk, order)
        elif chunk.name == b"data":
            if told is None:
                raise AudioRejected("The samples come before it is said what they are.", "bad_format")
            return _with_data(told, chunk, size, long_data)
    raise AudioRejected("The file ends before its first sample.", "empty" if told is not None else "bad_format")


def blocks(file: BinaryIO, wave: Wave, frames: int) -> Iterator[Samples]:
    """The samples in blocks of at most so many frames, float32 [frames, channels]; whole numbers lie in [-1, 1)."""
    file.seek(wave.start)
    left = wave.frames
    while left:
        data = file.read(min(frames, left) * wave.frame_bytes)
        whole = len(data) // wave.frame_bytes
        if not whole:  # the file got shorter meanwhile
            return
        left -= whole
        yield _decoded(data[: whole * wave.frame_bytes], wave).reshape(whole, wave.channels)


def check_shape(rate: int, channels: int) -> None:
    """Raises AudioRejected for a rate or a number of channels beyond what is heard here."""
    if not 1 <= channels <= MOST_CHANNELS:
        raise AudioRejected(f"The recording has {channels:,} channels; 1 to {MOST_CHANNELS} are read.", "bad_format")
    if not RATES[0] <= rate <= RATES[1]:
        told = f"The recording has {rate:,} samples a second; {RATES[0]:,} to {RATES[1]:,} are read."
        raise AudioRejected(told, "bad_sample_rate")


def _chunks(file: BinaryIO, size: int, order: str) -> Iterator[_Chunk]:
    """The chunks one after the other, at most a thousand; what a chunk holds is never read here."""
    at = 12
    for _ in range(MOST_CHUNKS):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            return
        name, length = struct.unpack(f"{order}4sI", head)
        yield _Chunk(name=name, start=at + 8, size=length)
        at += 8 + length
        if at > size:
            told = f"A chunk of the header claims {length:,} bytes, which are not there."
            raise AudioRejected(told, "bad_format" if name == b"fmt " else "header_lies")
        at += length % 2
    raise AudioRejected(f"The file has more than {MOST_CHUNKS:,} chunks before its samples.", "too_many_chunks")


def _long_data(file: BinaryIO, chunk: _Chunk) -> int:
    """The length of the samples in bytes, of a file whose lengths need 64 bits."""
    file.seek(chunk.start)
    data = file.read(16)
    if chunk.size < 24 or len(data) < 16:
        raise AudioRejected("The chunk that holds the lengths is cut off.", "bad_format")
    return int.from_bytes(data[8:16], "little")


def _format(file: BinaryIO, chunk: _Chunk, order: str) -> Wave:
    file.seek(chunk.start)
    data = file.read(min(chunk.size, _EXTENDED_BYTES))
    if len(data) < _FORMAT_BYTES:
        raise AudioRejected("The format chunk is cut off.", "bad_format")
    kind, channels, rate, _, align, bits = struct.unpack(f"{order}HHIIHH", data[:_FORMAT_BYTES])
    if kind == EXTENSIBLE:
        kind = _extended(data, order)
    if kind not in BITS:
        raise AudioUnsupported(
            f"The samples of the WAV file are {_KINDS.get(kind, 'coded in a way')} that is not decoded."
        )
    check_shape(rate, channels)
    if bits not in BITS[kind]:
        raise AudioRejected(f"Samples of {bits:,} bits are not read.", "bad_format")
    if align != channels * bits // 8:
        told = f"The header says {align:,} bytes a frame, and {channels} channels of {bits} bits have {channels * bits // 8}."
        raise AudioRejected(told, "bad_format")
    return Wave(kind=kind, bits=bits, rate=rate, channels=channels, order=order)


def _extended(data: bytes, order: str) -> int:
    if len(data) < _EXTENDED_BYTES:
        raise AudioRejected("The format chunk is cut off.", "bad_format")
    if data[26:40] != _SUBFORMAT and data[26:40] != _swapped(_SUBFORMAT):
        raise AudioUnsupported("The samples of the WAV file are coded in a way that is not decoded.")
    return int(struct.unpack(f"{order}H", data[24:26])[0])


def _swapped(rest: bytes) -> bytes:
    """The same id as a big-endian file has it: its first three numbers turned round."""
    return rest[1::-1] + rest[3:1:-1] + rest[5:3:-1] + rest[6:]


def _with_data(told: Wave, chunk: _Chunk, size: int, long_data: int | None) -> Wave:
    claimed = long_data if chunk.size == UNTOLD else chunk.size
    there = max(size - chunk.start, 0)
    held = there if claimed is None else min(there, claimed)
    frames = None if claimed is None else claimed // told.frame_bytes
    return replace(told, start=chunk.start, frames=held // told.frame_bytes, claimed=frames)


def _decoded(data: bytes, wave: Wave) -> Samples:
    """float32 [values], as they follow each other."""
    order: Any = wave.order
    if wave.kind == FLOAT:
        with np.errstate(over="ignore", invalid="ignore"):  # what is too large for us becomes infinite, and is refused
            return np.frombuffer(data, f"{order}f{wave.bits // 8}").astype(np.float32)
    raw = np.frombuffer(data, np.uint8)
    if wave.kind in (A_LAW, MU_LAW):
        table = _a_law() if wave.kind == A_LAW else _mu_law()
        return table[raw]
    if wave.bits == 8:
        return (raw.astype(np.float32) - 128) / np.float32(128)
    if wave.bits == 24:
        wide = np.zeros((len(raw) // 3, 4), np.uint8)
        wide[:, slice(1, 4) if order == "<" else slice(0, 3)] = raw.reshape(-1, 3)
        return _scaled(wide.reshape(-1).view(f"{order}i4"), 32)
    return _scaled(np.frombuffer(data, f"{order}i{wave.bits // 8}"), wave.bits)


def _scaled(whole: NDArray[Any], bits: int) -> Samples:
    return (whole * (1.0 / (1 << (bits - 1)))).astype(np.float32)


def _a_law() -> Samples:
    """What each byte of A-law (G.711) stands for."""
    code = np.arange(256) ^ 0x55
    exponent, mantissa = code >> 4 & 7, code & 15
    size = np.where(exponent == 0, (mantissa << 4) + 8, ((mantissa << 4) + 0x108) << np.maximum(exponent - 1, 0))
    return _scaled(np.where(code & 0x80, size, -size), 16)


def _mu_law() -> Samples:
    """What each byte of µ-law (G.711) stands for."""
    code = ~np.arange(256) & 0xFF
    exponent, mantissa = code >> 4 & 7, code & 15
    size = (((mantissa << 3) + 0x84) << exponent) - 0x84
    return _scaled(np.where(code & 0x80, -size, size), 16)
