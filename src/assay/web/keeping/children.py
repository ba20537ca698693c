"""The processes that a supervisor starts, each with a pipe by which it says once whether it is ready, or why it is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any, NamedTuple

from assay.clock import ticks_us

LONGEST_REPORT = 65_536


class Plan(NamedTuple):
    """The settings that a supervisor has to know."""

    home: str
    host: str
    port: int
    workers: int
    job_workers: int
    predict_workers: int
    drain_delay_s: float
    drain_timeout_s: float


class Child:
    """One process. `report` is None until it has said something or ended, and empty if it ended without a word."""

    def __init__(self, module: str, arguments: list[str], passed: tuple[int, ...], *, reports: bool = True) -> None:
        self.reading, writing = os.pipe()
        told = [*arguments[:-1], str(writing), arguments[-1]] if reports else arguments
        try:
            # a group of its own: Ctrl-C is for the supervisor, which tells the others what it means
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-P", "-m", module, *told],
                pass_fds=(*passed, writing) if reports else passed, stdin=subprocess.DEVNULL, process_group=0,
            )  # fmt: skip
        finally:
            os.close(writing)
        self.since_us = ticks_us()
        self.listens = module == "assay.web.worker"
        self.report: dict[str, Any] | None = None
        self._heard = b""

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def ready(self) -> bool:
        """Whether it has said that it is."""
        return bool(self.report and self.report.get("ready"))

    @property
    def refused(self) -> str:
        """Why it cannot be what it was started for, in its own words."""
        return str((self.report or {}).get("refused", ""))

    def hear(self) -> bool:
        """Reads what it says, called when there is something to read; False once it has said all."""
        part = os.read(self.reading, LONGEST_REPORT)
        self._heard += part
        if part:
            return True
        try:
            self.report = dict(json.loads(self._heard)) if self._heard else {}
        except ValueError:
            self.report = {}
        os.close(self.reading)
        return False

    def gone(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def tell(self, number: int) -> None:
        """Sends a signal, to nobody if it has ended."""
        self._process.send_signal(number)


class Starter:
    """Starts what belongs to one server."""

    def __init__(self, folder: str, told: str, listening: int) -> None:
        self._folder = folder
        self._told = told
        self._listening = listening
        self._watched, self._held = os.pipe()  # all end when this process, and so `_held`, is gone

    def web(self, *, beside: bool = False) -> Child:
        """A web process on the shared socket; one `beside` others is to answer as well as they do, or not at all."""
        place = "beside" if beside else "first"
        arguments = [self._folder, str(self._listening), str(self._watched), place, self._told]
        return Child("assay.web.worker", arguments, (self._listening, self._watched))

    def jobs(self) -> Child:
        """A worker for jobs; it has nothing to report."""
        arguments = [self._folder, str(self._watched), self._told]
        return Child("assay.app.working", arguments, (self._watched,), reports=False)

    def predictor(self) -> Child:
        """A process that does tasks; it has nothing to report either."""
        arguments = [self._folder, str(self._watched), self._told]
        return Child("assay.app.tasks.predicting", arguments, (self._watched,), reports=False)

    def plan(self) -> Child:
        """A process that reads the settings anew and ends; this one stays small by never reading them itself."""
        return Child("assay.web.server", [self._folder, self._told], ())


def report(pipe: int, **said: Any) -> None:
    """The child's side: says it, once and for good."""
    os.write(pipe, json.dumps(said).encode()[:LONGEST_REPORT])
    os.close(pipe)
