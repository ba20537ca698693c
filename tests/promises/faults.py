"""Kills and delays at an exact system call of a process that runs already."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ATTACHED_S = 10.0


@contextmanager
def injected(strace: str, pid: int, call: str, what: str) -> Iterator[subprocess.Popen[bytes]]:
    """The tracer, attached to every thread of a process: `what` happens at `call`, such as signal=SIGKILL:when=3."""
    command = [strace, "-f", "-p", str(pid), "-o", os.devnull, "-e", f"trace={call}", "-e", f"inject={call}:{what}"]
    tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    until = time.monotonic() + ATTACHED_S
    while time.monotonic() < until and not _traced(pid) and tracer.poll() is None:
        time.sleep(0.01)
    try:
        yield tracer
    finally:
        tracer.terminate()
        try:
            tracer.wait(10)
        except subprocess.TimeoutExpired:  # it waits for a thread that its own kill has not let go of yet
            tracer.kill()
            tracer.wait(10)


def killing(strace: str, call: str, when: int) -> Sequence[str]:
    """The command before a command that is to be killed as the `when`-th such call of one of its threads begins."""
    return [strace, "-f", "-o", os.devnull, "-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={when}"]


def _traced(pid: int) -> bool:
    """Whether every thread has a tracer."""
    try:
        states = [(task / "status").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    except FileNotFoundError:
        return False
    return bool(states) and all("TracerPid:\t0\n" not in state for state in states)
