"""What a schedule says: its rule, checked, and which of its slots are due; all in UTC, where no hour is lost or doubled."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import takewhile
from typing import Literal

import msgspec
from cronsim import CronSim, CronSimError

from assay.errors import ScheduleInvalid
from assay.settings import ScheduleSetting

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
LONGEST_S = 366 * 86_400
LONGEST_RULE = 128
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
SECOND_US = 1_000_000


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """A verb to be done at every slot of one of two rules: a whole number of seconds, or cron's five fields."""

    name: str
    verb: str
    model: str | None = None
    every_s: int = 0
    cron: str = ""
    missed: Literal["coalesce", "catch_up"] = "coalesce"

    @property
    def rule(self) -> str:
        """What the store remembers: where it changes, the schedule begins anew."""
        return f"cron {self.cron}" if self.cron else f"every {self.every_s} s"

    def due(self, after: int, now: int, limit: int) -> list[int]:
        """The slots after one moment and not after another, all in microseconds, ascending; of many the newest `limit`."""
        return _cron_slots(self.cron, after, now, limit) if self.cron else _slots(self.every_s, after, now, limit)


def schedules_of(settings: Mapping[str, ScheduleSetting]) -> list[Schedule]:
    """The schedules that the settings tell; raises ScheduleInvalid, which names the schedule and the rule."""
    return [_schedule(name, setting) for name, setting in settings.items()]


def _schedule(name: str, setting: ScheduleSetting) -> Schedule:
    if not NAME.fullmatch(name):
        raise ScheduleInvalid(name, "its name must be 1 to 64 letters, digits, - or _, and begin with no sign")
    if (setting.every is None) == (setting.cron is None):
        raise ScheduleInvalid(name, "it needs either every, such as 6h, or cron, such as 0 3 * * *")
    every_s = 0 if setting.every is None else _interval(name, setting.every)
    cron = "" if setting.cron is None else _cron(name, setting.cron)
    return Schedule(
        name=name, verb=setting.verb, model=setting.model, every_s=every_s, cron=cron, missed=setting.missed
    )


def _interval(name: str, told: str) -> int:
    found = re.fullmatch(r"([0-9]{1,9})([smhd])", told.strip())
    if found is None:
        raise ScheduleInvalid(
            name, f"every must be a whole number with s, m, h or d, such as 15m, not {told[:LONGEST_RULE]!r}"
        )
    seconds = int(found[1]) * SECONDS[found[2]]
    if not 1 <= seconds <= LONGEST_S:
        raise ScheduleInvalid(name, f"every must be from 1s to 366d, not {told!r}")
    return seconds


def _cron(name: str, told: str) -> str:
    fields = told.split()
    shown = repr(told[:LONGEST_RULE])
    if len(fields) != 5 or len(told) > LONGEST_RULE:
        raise ScheduleInvalid(
            name, f"cron must have five fields: minute, hour, day, month and weekday, such as 0 3 * * *, not {shown}"
        )
    try:
        next(CronSim(" ".join(fields), datetime(2000, 1, 1, tzinfo=UTC)))
    except CronSimError as wrong:
        raise ScheduleInvalid(
            name, f"cron cannot be {shown}: {str(wrong).lower()}, or no such day ever comes"
        ) from None
    except StopIteration:
        raise ScheduleInvalid(name, f"cron cannot be {shown}: no such day ever comes") from None
    return " ".join(fields)


def _slots(every_s: int, after: int, now: int, limit: int) -> list[int]:
    step = every_s * SECOND_US
    newest = now // step
    first = max(after // step + 1, newest - limit + 1)
    return [place * step for place in range(first, newest + 1)]


def _cron_slots(cron: str, after: int, now: int, limit: int) -> list[int]:
    # backwards from the first whole second that lies after now
    until = datetime.fromtimestamp(now // SECOND_US + 1, UTC)
    backwards = (int(slot.timestamp()) * SECOND_US for slot in CronSim(cron, until, reverse=True))
    fresh = takewhile(lambda slot: slot > after, backwards)
    return [slot for _, slot in zip(range(limit), fresh, strict=False)][::-1]
