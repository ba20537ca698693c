"""The circuit breaker: who fails too often is left alone for a while, and then asked one question before all others."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from assay.clock import ticks_us
from assay.errors import AssayError, Overloaded, RemoteModelRefused, RemoteModelResting


class Breaker:
    """Opens after so many `failures` one after the other; after `rest_s` seconds one question is let through.

    If that one is answered, all are again; if it is not, another rest begins. Used by any number of threads.
    """

    def __init__(self, failures: int, rest_s: float) -> None:
        self._most = failures
        self._rest_us = int(rest_s * 1e6)
        self._lock = threading.Lock()
        self._failures = 0
        self._rests_until: int | None = None
        self._probing = False

    @contextmanager
    def question(self) -> Iterator[None]:
        """For the length of one question, which may raise what it likes; raises RemoteModelResting."""
        probe = self._enter()
        try:
            yield
        except RemoteModelRefused:  # it is there, and has said so
            self._answered(probe)
            raise
        except AssayError as failed:
            (self._left if isinstance(failed, Overloaded) else self._failed)(probe)
            raise
        except BaseException:  # who asked gave up, and nothing is known about who was asked
            self._left(probe)
            raise
        self._answered(probe)

    def _enter(self) -> bool:
        """Whether the question is the one that finds out how things are."""
        with self._lock:
            if self._rests_until is None:
                return False
            left_us = self._rests_until - ticks_us()
            if left_us > 0 or self._probing:
                when = f"in {max(left_us, 0) / 1e6:.1f} s" if left_us > 0 else "once one question is answered"
                raise RemoteModelResting(
                    f"The remote model failed {self._failures} times in a row; it is asked {when}."
                )
            self._probing = True
            return True

    def _answered(self, probe: bool) -> None:  # noqa: FBT001 - what `_enter` has found
        with self._lock:
            if probe or self._rests_until is None:
                self._failures, self._rests_until = 0, None
            self._probing = self._probing and not probe

    def _failed(self, probe: bool) -> None:  # noqa: FBT001 - as above
        with self._lock:
            if probe or self._rests_until is None:
                self._failures += 1
                if self._failures >= self._most:
                    self._rests_until = ticks_us() + self._rest_us
            self._probing = self._probing and not probe

    def _left(self, probe: bool) -> None:  # noqa: FBT001 - as above
        with self._lock:
            self._probing = self._probing and not probe
