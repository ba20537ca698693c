"""Recordings made by hand, byte by byte, and by the library: right ones, and ones that lie."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

Samples = NDArray[np.float32]
UNTOLD = 0xFFFFFFFF


def tone(
    seconds: float = 2.0, rate: int = 8_000, channels: int = 1, *, loud: float = 0.5, hertz: float = 440
) -> Samples:
    """float32 [frames, channels]: a tone, a little different in each channel."""
    at = np.arange(round(seconds * rate))[:, None] / rate
    return (loud * np.sin(2 * np.pi * hertz * (1 + np.arange(channels) / 10) * at)).astype(np.float32)


def made(samples: Samples, rate: int = 8_000, **told: Any) -> bytes:
    """The samples as the library writes them; `told` is its `format` and `subtype`."""
    out = io.BytesIO()
    soundfile.write(out, samples, rate, **told)
    return out.getvalue()


def chunk(name: bytes, data: bytes, size: int | None = None, order: str = "<") -> bytes:
    """A chunk; its length may be another than the one that it tells."""
    told = len(data) if size is None else size
    return struct.pack(f"{order}4sI", name, told & UNTOLD) + data + b"\0" * (len(data) % 2)


def shape(
    rate: int = 8_000, channels: int = 1, bits: int = 16, *, kind: int = 1, align: int | None = None, order: str = "<",
    rest: bytes = b"",
) -> bytes:  # fmt: skip
    """What a format chunk holds."""
    wide = channels * bits // 8 if align is None else align
    told = (kind, channels, rate, rate * wide & UNTOLD, wide & 0xFFFF, bits)
    return struct.pack(f"{order}HHIIHH", *told) + rest


def riff(*chunks: bytes, name: bytes = b"RIFF", size: int | None = None) -> bytes:
    """A file of chunks."""
    held = b"".join(chunks)
    told = 4 + len(held) if size is None else size
    return name + struct.pack(">I" if name == b"RIFX" else "<I", told & UNTOLD) + b"WAVE" + held


def wav(seconds: float = 2.0, rate: int = 8_000, channels: int = 1, *, data_bytes: int | None = None) -> bytes:
    """16-bit PCM; its header may claim another number of bytes than there are."""
    samples = (tone(seconds, rate, channels) * 32767).astype("<i2").tobytes()
    return riff(chunk(b"fmt ", shape(rate, channels)), chunk(b"data", samples, data_bytes))


def tagged(data: bytes, tag: bytes) -> bytes:
    """An ID3 tag that holds anything, and then the recording."""
    size = len(tag)
    return b"ID3\4\0\0" + bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0)) + tag + data
