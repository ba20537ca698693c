"""The process that decodes: kept for the next recording, ended where it overruns, and replaced where it died."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import NoReturn

import msgspec
import numpy as np
from numpy.typing import NDArray

from assay.clock import ticks_us
from assay.domain.items.item import Sound
from assay.errors import ApplicationInvalid, AudioRejected, AudioTooLong, AudioUnsupported

MEMORY_BYTES = 512 << 20
TIMEOUT_S = 120.0  # for what sounds an hour or less; longer where more is allowed
HOUR_S = 3_600
START_S = 60.0
ASK = struct.Struct("<Idd")  # rate, longest_s and seconds of a processor; the open file comes beside it
HEAD = struct.Struct("<cI")  # what follows, and its length in bytes
SAMPLES, TOLD = b"s", b"t"
LATE = "The recording was not decoded in the time that it is given."
_PIECE = 1 << 26  # bytes, more than an honest child sends at once
_CALM = {"OPENBLAS_NUM_THREADS": "1"}  # all of its environment
Samples = NDArray[np.float32]


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it: a sound, or the code, kind and sentence of a refusal."""

    sound: Sound | None = None
    code: str = ""
    kind: str = ""
    error: str = ""


class Decoder:
    """A child process with little memory, no environment and, where the system allows it, no network; one call at a time.

    A recording that takes longer than `timeout_s` (for each hour that it may sound), or that ends the child, is refused, and
    the next one has a new child.
    """

    def __init__(self, *, timeout_s: float = TIMEOUT_S, memory_bytes: int = MEMORY_BYTES) -> None:
        self._timeout_s = timeout_s
        self._memory_bytes = memory_bytes
        self._turn = threading.Lock()
        self._child: _Child | None = None
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The child's, if there is one."""
        child = self._child
        return child.process.pid if child is not None else None

    def decode(self, file: Path, rate: int, longest_s: float) -> tuple[Sound, Samples]:
        """What a recording is, and its samples at `rate`: float32 [n], mono, in [-1, 1]; none where the rate is 0.

        Raises AudioRejected, AudioUnsupported, AudioTooLong, OSError where the file cannot be opened, or
        ApplicationInvalid where the libraries are not installed.
        """
        timeout_s = self._timeout_s * max(1, longest_s / HOUR_S)
        with file.open("rb") as opened, self._turn:
            child = self._ready()
            try:
                child.ask(opened.fileno(), rate, longest_s, timeout_s)
                told, samples = child.answer(timeout_s, most=int((longest_s + 1) * rate))
            except TimeoutError:
                self._end()
                raise AudioRejected(LATE, "decoder_timeout") from None
            except (OSError, EOFError, ValueError, msgspec.MsgspecError):
                self._died(child)
            except BaseException:  # what comes next on the socket belongs to nobody
                self._end()
                raise
        return _accepted(told), np.frombuffer(samples, "<f4")

    def close(self) -> None:
        """Ends the child at once, whatever it does, and for good."""
        self._closed = True
        self._end()

    def _ready(self) -> _Child:
        """The child, started if there is none; raises AudioRejected or ApplicationInvalid."""
        if self._closed:
            raise AudioRejected("The process that decodes was ended.", "decoder_crashed")
        if self._child is not None and self._child.process.poll() is None:
            return self._child
        self._end()
        child = self._child = _Child(self._memory_bytes)
        try:
            told, _ = child.answer(START_S, most=0)
        except (OSError, EOFError, ValueError, msgspec.MsgspecError):
            self._died(child)
        if told.error:
            self._end()
            _refuse(told)
        return child

    def _died(self, child: _Child) -> NoReturn:
        self._end()
        code = child.process.wait()
        if code == -signal.SIGXCPU:
            raise AudioRejected(LATE, "decoder_timeout") from None
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with status {code}"
        raise AudioRejected(f"The process that decoded the recording ended {how}.", "decoder_crashed") from None

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.end()


class _Child:
    """The process, and our end of the socket between us; both go with this object."""

    def __init__(self, memory_bytes: int) -> None:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-P", "-m", "assay.sources.audio.child", str(theirs.fileno()), str(memory_bytes)]
        with theirs:
            self.process = subprocess.Popen(  # noqa: S603 - our own module, our own interpreter
                command, env=_CALM, pass_fds=(theirs.fileno(),), start_new_session=True, cwd=os.sep,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        self._line = ours
        self.end = weakref.finalize(self, _end, self.process, ours)

    def ask(self, descriptor: int, rate: int, longest_s: float, timeout_s: float) -> None:
        """Hands over an open file; raises OSError or TimeoutError."""
        self._line.settimeout(timeout_s)
        socket.send_fds(self._line, [ASK.pack(rate, longest_s, timeout_s)], [descriptor])

    def answer(self, timeout_s: float, *, most: int) -> tuple[Told, bytearray]:
        """What it tells in the end, and the samples until then; raises TimeoutError, OSError, EOFError or ValueError."""
        until = ticks_us() + int(timeout_s * 1e6)
        samples = bytearray()
        while True:
            what, length = HEAD.unpack(self._receive(HEAD.size, until))
            if length > _PIECE or len(samples) + length > 4 * most + _PIECE:
                raise ValueError("more than can be")
            piece = self._receive(length, until)
            if what == TOLD:
                return msgspec.msgpack.decode(piece, type=Told), samples
            samples += piece

    def _receive(self, count: int, until: int) -> bytearray:
        found = bytearray(count)
        rest = memoryview(found)
        while rest:
            left = (until - ticks_us()) / 1e6
            if left <= 0:
                raise TimeoutError
            self._line.settimeout(left)
            read = self._line.recv_into(rest)
            if not read:
                raise EOFError
            rest = rest[read:]
        return found


def _end(process: subprocess.Popen[bytes], line: socket.socket) -> None:
    process.kill()
    process.wait()
    line.close()


def _accepted(told: Told) -> Sound:
    if told.sound is None:
        _refuse(told)
    return told.sound


def _refuse(told: Told) -> NoReturn:
    known = {kind.code: kind for kind in (AudioUnsupported, AudioTooLong, ApplicationInvalid)}
    if told.code in known:
        raise known[told.code](told.error)
    raise AudioRejected(told.error, told.kind or "damaged")
