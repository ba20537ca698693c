"""The supervisor: owns the listening socket, keeps web processes and workers for jobs alive, and ends with all of them.

It is what `assay serve` turns into once it has read the settings, so it imports nothing but the standard library and
its own few modules: it stays small, and is there at once.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from assay.clock import iso, now_us, ticks_us
from assay.web.keeping.children import Plan, Starter
from assay.web.keeping.closing import accept_no_more
from assay.web.keeping.crew import Crew, Departing
from assay.web.keeping.ears import Ears
from assay.web.keeping.notice import Notice
from assay.web.keeping.reload import Reload
from assay.web.keeping.saying import Saying

STOPS = (signal.SIGTERM, signal.SIGINT)
TOLD = (*STOPS, signal.SIGHUP)
DRAIN, RETIRE, HURRY = signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2  # what the web processes understand
OVERTIME_US = 5_000_000
LONGEST_WAIT_US = 30_000_000
RETRY_US = 1_000_000


class Supervisor:
    """Waits for signals, for what its processes say, and for the next moment at which something is due."""

    def __init__(self, starter: Starter, listening: socket.socket, plan: Plan, notice: Notice) -> None:
        self._starter = starter
        self._listening = listening
        self._plan = plan
        self._notice = self._written = notice
        self._web = Crew(starter.web, plan.workers)
        self._jobs = Crew(starter.jobs, plan.job_workers)
        self._tasks = Crew(starter.predictor, plan.predict_workers)
        self._departing = Departing()
        self._reload: Reload | None = None
        self._asked_to_reload = False
        self._hurried = False
        self._unwritten = False
        self._proven = False  # whether a web process has ever been ready
        self._deaf_at_us: int | None = None  # when a server that stops closes its socket
        self._failed = ""

    def run(self) -> int:
        """Until it is told to stop, or the web processes do not stay alive; the exit status."""
        ears = Ears(TOLD)
        while (due_us := self._look(ears)) is not None:
            for number in ears.wait(due_us):
                self._told(number)
        (Path(self._plan.home) / "serve.json").unlink(missing_ok=True)
        if self._failed:
            Saying().write(f"error: {self._failed}\n")
        return 1 if self._failed or self._departing.ended else 0

    def _told(self, number: int) -> None:
        if number == signal.SIGHUP:
            self._asked_to_reload = True
        elif number in STOPS and self._deaf_at_us is not None:
            self._departing.tell(list(self._departing.by_us), signal.SIGKILL, ticks_us() + OVERTIME_US)
            self._failed = self._failed or "The server was told to stop twice, and ended at once."
        elif number in STOPS:
            self._hurried = number == signal.SIGINT  # somebody waits at a terminal
            self._stop(0.0 if self._hurried else self._plan.drain_delay_s)

    def _look(self, ears: Ears) -> int | None:
        """Does what is due; the next moment at which something will be, or None at the end."""
        now = ticks_us()
        self._departing.bury(now)
        if self._deaf_at_us is None:
            self._replace(now, ears)
            self._go_on_reloading(now, ears)
            self._publish()
        if self._deaf_at_us is None:
            due = tuple(crew.due_us() for crew in (self._web, self._jobs, self._tasks))
        else:
            self._go_deaf(now)
            if not self._departing.by_us:
                return None
            due = (self._deaf_at_us if self._deaf_at_us > now else None,)
        longest = RETRY_US if self._unwritten else LONGEST_WAIT_US
        return min([now + longest, *self._departing.by_us.values(), *(one for one in due if one is not None)])

    def _replace(self, now: int, ears: Ears) -> None:
        for child in self._web.bury(now):
            say("web_process_ended", pid=child.pid, reason=child.refused)
            if self._web.hopeless or (child.refused and not self._proven):
                self._failed = child.refused or "The web processes end as soon as they start; see the messages above."
        for child in self._jobs.bury(now):
            say("job_worker_ended", pid=child.pid)
        for child in self._tasks.bury(now):
            say("predictor_ended", pid=child.pid)
        if self._failed:
            self._stop(0.0)
            return
        try:
            ears.watch([*self._web.fill(now), *self._jobs.fill(now), *self._tasks.fill(now)])
        except OSError as failed:  # no memory or no process to be had now; those that run go on
            say("process_not_started", reason=str(failed))
            for crew in (self._web, self._jobs, self._tasks):
                crew.pause(now)
        self._proven = self._proven or any(child.ready for child in self._web.members)

    def _go_on_reloading(self, now: int, ears: Ears) -> None:
        if self._deaf_at_us is not None:
            return
        if self._reload is None and self._asked_to_reload:
            self._asked_to_reload = False
            self._reload = Reload(self._starter, self._plan)
            ears.watch(self._reload.children)
        if self._reload is None:
            return
        known = len(self._reload.children)
        outcome = self._reload.step(now)
        ears.watch(self._reload.children[known:])
        if outcome is not None:
            self._finish(self._reload, outcome, now)
            self._reload = None

    def _finish(self, reload: Reload, outcome: str, now: int) -> None:
        known = self._notice._replace(outcome=outcome, reloads=self._notice.reloads + 1)
        by = now + int(self._plan.drain_timeout_s * 1e6) + OVERTIME_US
        if outcome or reload.plan is None:
            say("reload_refused", reason=outcome)
            self._departing.tell(reload.children, RETIRE, by)
            self._notice = known
            return
        self._departing.tell(self._web.members, RETIRE, by)
        self._departing.tell([*self._jobs.members, *self._tasks.members], signal.SIGTERM, by)
        self._plan = reload.plan
        self._web = Crew(self._starter.web, reload.plan.workers, reload.web)
        self._jobs = Crew(self._starter.jobs, reload.plan.job_workers)
        self._tasks = Crew(self._starter.predictor, reload.plan.predict_workers)
        self._notice = known._replace(generation=known.generation + 1)
        say("reloaded", generation=self._notice.generation)

    def _stop(self, delay_s: float) -> None:
        """The web processes are unready from now on, and deaf once the delay is over."""
        now = ticks_us()
        self._deaf_at_us = now + int(delay_s * 1e6)
        by = self._deaf_at_us + int(self._plan.drain_timeout_s * 1e6) + OVERTIME_US
        retired = [child for child in self._departing.by_us if child.listens]
        new = self._reload.children if self._reload is not None else []
        beside = (*self._jobs.members, *self._tasks.members)
        self._departing.tell([*self._web.members, *beside, *retired], DRAIN, by)
        self._departing.tell(new, signal.SIGKILL, by)  # nobody has asked them anything yet
        say("stopping", delay_s=delay_s, waits_at_most_s=delay_s + self._plan.drain_timeout_s)

    def _go_deaf(self, now: int) -> None:
        """Closes the socket: no connection is made from then on, and those made before are still accepted."""
        if self._listening.fileno() < 0 or self._deaf_at_us is None or now < self._deaf_at_us:
            return
        accept_no_more(self._listening)
        self._listening.close()
        for child in self._departing.by_us:
            if child.listens:
                child.tell(HURRY if self._hurried else RETIRE)

    def _publish(self) -> None:
        ready = tuple(child.pid for child in self._web.members if child.ready)
        notice = self._notice._replace(
            workers=self._web.pids, ready=ready, jobs=self._jobs.pids, tasks=self._tasks.pids,
            reloading=self._reload is not None,
        )  # fmt: skip
        if notice == self._written:
            return
        try:
            notice.write(Path(self._plan.home))
        except OSError as failed:  # a full disk must not end who keeps the others alive; the next look tries again
            if not self._unwritten:
                say("notice_not_written", reason=str(failed))
            self._unwritten = True
        else:
            self._written, self._unwritten = notice, False


def say(event: str, **facts: Any) -> None:
    """A line of the log, in the shape of all others."""
    Saying().write(json.dumps({**facts, "event": event, "level": "info", "timestamp": iso(now_us())}) + "\n")


def main() -> int:
    """What `server.py` hands over when it becomes the supervisor."""
    folder, listening, url, started_at, plan, told = sys.argv[1:7]
    shared = socket.socket(fileno=int(listening))
    known = Plan(**json.loads(plan))
    notice = Notice(pid=os.getpid(), url=url, started_at=started_at)
    return Supervisor(Starter(folder, told, int(listening)), shared, known, notice).run()


if __name__ == "__main__":
    sys.exit(main())
