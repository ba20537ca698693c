"""The only source of time and of ids."""

from __future__ import annotations

import os
import subprocess
import time
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def now_us() -> int:
    """Microseconds since 1970 in UTC."""
    return time.time_ns() // 1000


def ticks_us() -> int:
    """Microseconds of a clock that never goes back; only differences mean anything."""
    return time.perf_counter_ns() // 1000


def boot_clock() -> tuple[str, int]:
    """Which start of this machine it is, and microseconds since then, sleep included; nobody can set this clock."""
    since = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # macOS has no other, and its own counts sleep too
    return _boot_id(), time.clock_gettime_ns(since) // 1000


def iso(at: int) -> str:
    """A time in microseconds, as ISO 8601 in UTC."""
    return datetime.fromtimestamp(at / 1_000_000, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse_iso(text: str) -> int:
    """ISO 8601 with a zone, as microseconds; raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("the time needs a zone, such as Z")
    return round((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000)


def new_ids(count: int) -> list[str]:
    """Time-ordered ids: UUIDs of version 7 (RFC 9562) as 32 hexadecimal digits, ascending within one call.

    The twelve bits after the milliseconds hold their fraction (the RFC's third method), so that ids of one process made
    a microsecond apart are in order. The random bits are drawn once a call and their lowest 20 counted up, so that a
    batch pays for one draw.
    """
    whole, rest = divmod(time.time_ns(), 1_000_000)
    head = f"{whole:012x}7{rest * 4096 // 1_000_000:03x}"
    tail = int.from_bytes(os.urandom(8)) & 0x3FFF_FFFF_FFF0_0000 | 0x8000_0000_0000_0000
    return [f"{head}{tail + i:016x}" for i in range(count)]


def new_id() -> str:
    """One time-ordered id."""
    return new_ids(1)[0]


@cache
def _boot_id() -> str:
    try:
        return BOOT_ID.read_text("ascii").strip()
    except FileNotFoundError:  # pragma: no cover - macOS
        asked = ["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"]
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603 - no input
