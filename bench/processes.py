"""A server as the operating system sees it: started, found with all its children, weighed, and ended."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path
from uuid import uuid4

TICKS = os.sysconf("SC_CLK_TCK")
ENDS_WITHIN_S = 20.0
PROC = Path("/proc")


class Processes:
    """A program and all that it starts: whoever has our mark in the environment, or descends from one that has."""

    def __init__(self, command: list[str], *, folder: Path, environment: dict[str, str]) -> None:
        mark = f"MEASURED_AS={uuid4().hex}"
        self._mark = mark.encode()
        self.log = folder / "server.log"
        with self.log.open("wb") as log:
            self._leader = subprocess.Popen(
                command,
                cwd=folder,
                env=environment | dict([mark.split("=")]),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def alive(self) -> bool:
        """Whether the program that was started still runs."""
        return self._leader.poll() is None

    def ids(self) -> set[int]:
        """The living ones."""
        parents: dict[int, int] = {}
        found: set[int] = set()
        for entry in PROC.iterdir():
            if not entry.name.isdigit():
                continue
            try:
                parents[int(entry.name)] = int(_stat(entry)[1])
                if self._mark in (entry / "environ").read_bytes():
                    found.add(int(entry.name))
            except OSError:
                continue
        while more := {child for child, parent in parents.items() if parent in found} - found:
            found |= more
        return found

    def cpu_s(self) -> float:
        """Processor time of the living ones until now, user and system."""
        return sum(float(fields[11]) + float(fields[12]) for fields in map(_stat, self._places())) / TICKS

    def memory_mb(self) -> tuple[float, float]:
        """Resident memory in MB of 2^20 bytes: RSS added up, and PSS, in which what is shared counts once."""
        places = self._places()
        rss = sum(_kib(place / "status", "VmRSS") for place in places) / 1024
        return rss, sum(_kib(place / "smaps_rollup", "Pss") for place in places) / 1024

    def end(self) -> None:
        """Asks the program to end, and ends whatever is left of it after a while."""
        if self.alive:
            self._leader.send_signal(signal.SIGTERM)
        until = time.monotonic() + ENDS_WITHIN_S
        while time.monotonic() < until and (self.alive or self.ids()):
            time.sleep(0.05)
        for left in self.ids():
            try:
                os.kill(left, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._leader.wait()

    def _places(self) -> list[Path]:
        return [PROC / str(one) for one in self.ids()]


def machine_cpu_s() -> float:
    """Processor time that the whole machine has spent on anything, time taken by its host included."""
    user, nice, system, _, _, irq, softirq, steal = map(int, (PROC / "stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS


def _stat(place: Path) -> list[str]:
    """The fields of /proc/N/stat from the third on; zeros where the process has just ended."""
    try:
        return (place / "stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return ["0"] * 20


def _kib(file: Path, name: str) -> int:
    try:
        found = re.search(rf"^{name}:\s+(\d+)", file.read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0
