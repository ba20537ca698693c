"""The process in which one job is done: it knows when its worker is gone, and what it says is passed on and remembered."""

from __future__ import annotations

import codecs
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence

SAID = 4096
CHUNK = 4096
SPOKEN_S = 1.0


class Child:
    """Starts what `command` says; raises OSError. The command is told the descriptor of a pipe that its worker holds.

    The pipe closes with the worker, however that ends: whoever watches it can end too.
    """

    def __init__(self, command: Callable[[int], Sequence[str]]) -> None:
        watched, self._held = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the application's own command
                list(command(watched)), pass_fds=(watched,), start_new_session=True, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
        except BaseException:
            os.close(self._held)
            raise
        finally:
            os.close(watched)
        self.told_to_end = False
        self._said = ""
        self._listening = threading.Thread(target=self._listen, name="child-output", daemon=True)
        self._listening.start()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def runs(self, wait_s: float) -> bool:
        """Whether it runs still, after so many seconds at most."""
        try:
            self._process.wait(wait_s)
        except subprocess.TimeoutExpired:
            return True
        return False

    def end(self, grace_s: float) -> None:
        """Asks it and whatever it has started to end; kills them where they do not in time."""
        self.told_to_end = True
        self._signal(signal.SIGTERM)
        if self.runs(grace_s):
            self._signal(signal.SIGKILL)
            self._process.wait()

    def close(self) -> tuple[str, str]:
        """How it ended, in words, and the last 4 KiB of what it said; one that runs still is killed."""
        if self.runs(0):
            self.end(0)
        self._signal(signal.SIGKILL)  # what it has started and left behind
        os.close(self._held)
        self._listening.join(SPOKEN_S)  # a grandchild may hold the other end for longer
        status = self._process.returncode
        how = f"ended by signal {-status}" if status < 0 else f"ended with status {status}"
        return how, self._said

    def _signal(self, number: int) -> None:
        try:
            os.killpg(self._process.pid, number)  # its own session: it and its children
        except (ProcessLookupError, PermissionError):  # macOS says the latter of one that has just ended
            return

    def _listen(self) -> None:
        spoken = self._process.stdout
        if spoken is None:
            return
        text = codecs.getincrementaldecoder("utf-8")("replace")
        with spoken:
            while chunk := os.read(spoken.fileno(), CHUNK):
                said = text.decode(chunk)
                self._said = (self._said + said)[-SAID:]
                sys.stderr.write(said)
                sys.stderr.flush()
