"""Standard error that never fails: a disk that is full of logs costs a line, and not the answer that the line is about."""

from __future__ import annotations

import io
import os
import threading

ERRORS = 2


class Saying(io.TextIOBase):
    """Writes whole lines, each at once, as several processes share the file; forgets those for which there is no room."""

    def __init__(self, out: int = ERRORS) -> None:
        self._out = out
        self._begun = ""
        self._gate = threading.Lock()

    def write(self, text: str) -> int:
        """Writes the lines that are whole by now, if that can be done."""
        with self._gate:
            whole, newline, self._begun = (self._begun + text).rpartition("\n")
            self._write(whole + newline)
        return len(text)

    def flush(self) -> None:
        """Writes what was begun, too."""
        with self._gate:
            begun, self._begun = self._begun, ""
            self._write(begun)

    def _write(self, text: str) -> None:
        rest = memoryview(text.encode("utf-8", "backslashreplace"))
        try:
            while rest:
                rest = rest[os.write(self._out, rest) :]
        except OSError:
            return

    def writable(self) -> bool:
        """It is there to be written to."""
        return True

    def fileno(self) -> int:
        """The file that it writes to."""
        return self._out
