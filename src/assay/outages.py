"""What fails again and again is said when it begins, now and then while it lasts, and once more when it is over."""

from __future__ import annotations

import structlog

from assay.clock import ticks_us

EVERY_US = 30_000_000
log = structlog.get_logger("assay")


class Outage:
    """One thing that is tried often; a store that is away for an hour must not fill the disk with lines about it."""

    def __init__(self, event: str, *, every_us: int = EVERY_US) -> None:
        self._event = event
        self._every_us = every_us
        self._since: int | None = None
        self._said = 0
        self._times = 0

    def failed(self, reason: str, **facts: object) -> None:
        """It has failed; a line where it is the first time, or the last line was a while ago."""
        now = ticks_us()
        self._times += 1
        if self._since is not None and now - self._said < self._every_us:
            return
        self._since = now if self._since is None else self._since
        self._said = now
        log.warning(self._event, reason=reason, times=self._times, **facts)

    def over(self) -> None:
        """It has gone well; a line where it had failed before."""
        if self._since is None:
            return
        lasted_s = round((ticks_us() - self._since) / 1e6, 1)
        log.info(f"{self._event}_no_more", times=self._times, lasted_s=lasted_s)  # noqa: G004 - a name, made of two
        self._since, self._times = None, 0
