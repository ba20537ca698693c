"""Processes of one kind of which a given number is to be alive; whoever dies is replaced."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable

from assay.web.keeping.children import Child

QUICK_US = 2_000_000
PAUSE_US = 200_000
LONGEST_PAUSE_US = 30_000_000
MOST_QUICK_DEATHS = 5


class Crew:
    """Its members, and when the next one may be started: the more deaths follow a start at once, the later."""

    def __init__(self, start: Callable[[], Child], count: int, members: Iterable[Child] = ()) -> None:
        self.members = list(members)
        self.quick_deaths = 0
        self._start = start
        self._count = count
        self._not_before_us = 0

    @property
    def pids(self) -> tuple[int, ...]:
        """The members' process ids."""
        return tuple(child.pid for child in self.members)

    @property
    def ready(self) -> bool:
        """Whether all of them are."""
        return len(self.members) == self._count and all(child.ready for child in self.members)

    @property
    def hopeless(self) -> bool:
        """Whether none has become ready, and those started instead of the dead have ended at once too often."""
        return self.quick_deaths >= MOST_QUICK_DEATHS and not any(child.ready for child in self.members)

    def fill(self, now_us: int) -> list[Child]:
        """Starts who is missing, if it is time; those started."""
        if now_us < self._not_before_us:
            return []
        started = []
        for _ in range(self._count - len(self.members)):
            started.append(self._start())
            self.members.append(started[-1])
        return started

    def pause(self, now_us: int) -> None:
        """Starts nobody for a while: it has just been impossible."""
        self._not_before_us = now_us + LONGEST_PAUSE_US

    def bury(self, now_us: int) -> list[Child]:
        """Takes the dead out; those taken out."""
        dead = [child for child in self.members if child.gone()]
        for child in dead:
            self.members.remove(child)
            quick = now_us - child.since_us < QUICK_US or bool(child.refused)
            self.quick_deaths = self.quick_deaths + 1 if quick else 0
            pause_us = min(LONGEST_PAUSE_US, PAUSE_US << min(self.quick_deaths, 16)) if quick else 0
            self._not_before_us = now_us + pause_us
        return dead

    def due_us(self) -> int | None:
        """When the next one may be started, where one is missing."""
        return self._not_before_us if len(self.members) < self._count else None


class Departing:
    """Processes that were told to end, each with the moment by which it has to be gone."""

    def __init__(self) -> None:
        self.by_us: dict[Child, int] = {}
        self.ended = 0  # against their will

    def tell(self, children: Iterable[Child], number: int, by_us: int) -> None:
        """Tells them, by this signal."""
        for child in children:
            child.tell(number)
            self.by_us[child] = by_us

    def bury(self, now_us: int) -> None:
        """Forgets those that are gone, and ends those that are late."""
        for child, by_us in list(self.by_us.items()):
            if child.gone():
                del self.by_us[child]
            elif now_us >= by_us:
                self.ended += child.listens
                child.tell(signal.SIGKILL)
                self.by_us[child] = now_us + LONGEST_PAUSE_US
