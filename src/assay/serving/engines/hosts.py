"""Models that must not share our process: a child that can be timed out and killed, spoken to in length-prefixed MessagePack.

The same child is the throwaway process in which every version is proved before it may answer.
"""

from __future__ import annotations

import os
import select
import signal
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from assay.clock import ticks_us
from assay.domain.question.contract import Contract
from assay.errors import ArtifactRejected, AssayError, ModelFailed, ModelTimedOut
from assay.serving.engines.compiled import Columns, Floats

_LENGTH = struct.Struct("<Q")
MAX_FRAME = 1 << 32


class Load(msgspec.Struct, tag="load", frozen=True, kw_only=True):
    """The first message: what to serve."""

    contract: Contract
    engine: str
    data: bytes
    trusted: tuple[str, ...] = ()
    memory_bytes: int = 0


class Run(msgspec.Struct, tag="run", frozen=True, kw_only=True):
    """Columns to answer; of recordings little-endian float32 values, `samples` a row."""

    columns: dict[str, Any]
    samples: int = 0


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it: little-endian float64 values, or a sentence."""

    values: bytes = b""
    error: str = ""


class HostEngine:
    """A version in a child process. One call at a time; a call that overruns kills the child, and the next starts anew."""

    def __init__(self, load: Load, *, timeout_s: float, path: Path | None = None, load_timeout_s: float = 60.0) -> None:
        self._load = load
        self._timeout_s = timeout_s
        self._load_timeout_s = load_timeout_s
        self._path = path
        self._turn = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._pipes = (-1, -1)
        self._start()

    def run(self, columns: Columns) -> Floats:
        """The raw answers, float64 of shape (rows,) or (rows, labels); raises ModelFailed or ModelTimedOut."""
        audio, labels = self._load.contract.audio, len(self._load.contract.target.labels)
        asked = Run(columns=columns)
        if audio is not None:
            heard = np.ascontiguousarray(columns[audio], "<f4")
            asked = Run(columns={audio: heard.tobytes()}, samples=heard.shape[1])
        with self._turn:
            if self._child is None or self._child.poll() is not None:
                self._start()
            reply = self._call(asked, self._timeout_s)
        if reply.error:
            raise ModelFailed(f"The model failed: {reply.error}")
        found = np.frombuffer(reply.values, "<f8")
        return found.reshape(-1, labels) if labels and found.size % labels == 0 else found

    def close(self) -> None:
        """Ends the child at once."""
        child, self._child = self._child, None
        for pipe in self._pipes:
            if pipe >= 0:
                os.close(pipe)
        self._pipes = (-1, -1)
        if child is not None:
            child.kill()
            child.wait()

    def _start(self) -> None:
        self.close()
        read_here, write_there = os.pipe()
        read_there, write_here = os.pipe()
        environment = {"PATH": os.defpath, "OMP_NUM_THREADS": "1"}
        if self._path is not None:
            environment["PYTHONPATH"] = str(self._path)
        command = [sys.executable, "-P", "-m", "assay.serving.engines.child", str(read_there), str(write_there)]
        self._child = subprocess.Popen(  # noqa: S603 - our own module, our own interpreter
            command, env=environment, pass_fds=(read_there, write_there), start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(read_there)
        os.close(write_there)
        self._pipes = (read_here, write_here)
        try:
            reply = self._call(self._load, self._load_timeout_s)
        except AssayError as failed:
            raise ArtifactRejected(f"The version cannot be loaded: {failed}") from failed
        if reply.error:
            self.close()
            raise ArtifactRejected(f"The version cannot be loaded: {reply.error}")

    def _call(self, message: Load | Run, timeout_s: float) -> Reply:
        until = ticks_us() + int(timeout_s * 1e6)
        data = msgspec.msgpack.encode(message)
        try:
            self._send(_LENGTH.pack(len(data)) + data, until)
            length = _LENGTH.unpack(self._receive(_LENGTH.size, until))[0]
            return msgspec.msgpack.decode(self._receive(min(length, MAX_FRAME), until), type=Reply)
        except TimeoutError:
            self.close()
            raise ModelTimedOut(f"The model did not answer within {timeout_s:g} s and was ended.") from None
        except (OSError, EOFError, msgspec.DecodeError):
            code = self._child.wait() if self._child is not None else None
            self.close()
            raise ModelFailed(f"The model's process ended{_how(code)}.") from None

    def _send(self, data: bytes, until: int) -> None:
        os.set_blocking(self._pipes[1], False)
        rest = memoryview(data)
        while rest:
            _await(self._pipes[1], until, writing=True)
            rest = rest[os.write(self._pipes[1], rest[:65536]) :]

    def _receive(self, count: int, until: int) -> bytes:
        found = bytearray()
        while len(found) < count:
            _await(self._pipes[0], until)
            chunk = os.read(self._pipes[0], min(count - len(found), 1 << 20))
            if not chunk:
                raise EOFError
            found += chunk
        return bytes(found)


def _await(pipe: int, until: int, *, writing: bool = False) -> None:
    left = (until - ticks_us()) / 1e6
    waiting = select.poll()  # unlike select, it takes any number of open files
    waiting.register(pipe, select.POLLOUT if writing else select.POLLIN)
    if not waiting.poll(max(left, 0) * 1000):
        raise TimeoutError


def _how(code: int | None) -> str:
    if code is None:
        return ""
    return f" by {signal.Signals(-code).name}" if code < 0 else f" with status {code}"
