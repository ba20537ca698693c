"""As many processes as were asked for stay alive, and those that end at once are started ever later."""

from __future__ import annotations

import signal

from assay.clock import ticks_us
from assay.web.keeping.children import Child
from assay.web.keeping.crew import MOST_QUICK_DEATHS, Crew, Departing
from tests.web.running import eventually


def short() -> Child:
    """A process that ends at once, without a word."""
    return Child("assay.web.keeping.nothing_of_the_kind", ["last"], (), reports=False)


def long() -> Child:
    """A process that stays."""
    return Child("http.server", ["--bind", "127.0.0.1", "0"], (), reports=False)


def end(departing: Departing) -> None:
    def empty() -> bool:
        departing.bury(ticks_us())
        return not departing.by_us

    eventually(empty)


def test_who_dies_is_replaced() -> None:
    crew = Crew(long, 2)
    assert len(crew.fill(ticks_us())) == 2
    assert crew.fill(ticks_us()) == []
    victim = crew.members[0]
    victim.tell(signal.SIGKILL)
    eventually(victim.gone)
    assert crew.bury(ticks_us()) == [victim]
    assert victim.pid not in crew.pids
    due = crew.due_us()
    assert due is not None
    (new,) = crew.fill(due)
    assert new.pid in crew.pids
    assert crew.due_us() is None
    departing = Departing()
    departing.tell(crew.members, signal.SIGTERM, ticks_us() + 10_000_000)
    end(departing)
    assert departing.ended == 0


def test_deaths_that_follow_a_start_at_once_make_it_wait_and_at_last_give_up() -> None:
    crew, pauses, now = Crew(short, 1), [], ticks_us()
    for _ in range(MOST_QUICK_DEATHS):
        assert not crew.hopeless
        (child,) = crew.fill(now)
        eventually(child.gone)
        died = child.since_us
        crew.bury(died)
        assert crew.fill(died) == []
        now = crew.due_us() or 0
        pauses.append(now - died)
    assert pauses == sorted(set(pauses))
    assert crew.hopeless


def test_one_that_does_not_end_in_time_is_ended() -> None:
    departing, child = Departing(), long()
    child.listens = True
    departing.tell([child], signal.SIGCONT, ticks_us())
    end(departing)
    assert departing.ended == 1
