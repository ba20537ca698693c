"""One web process: uvicorn on a socket that somebody else has bound, until its supervisor lets it go or is gone."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import structlog
import uvicorn

from assay.clock import ticks_us
from assay.errors import AssayError
from assay.settings import settings_faults
from assay.web.control import make_control
from assay.web.door import Door
from assay.web.express import Express, ExpressProtocol, guarded
from assay.web.keeping.children import report
from assay.web.keeping.reaching import opened, speak
from assay.web.process import Process
from assay.web.protocol import is_idle, sweep

TURN_S = 0.02
TURNS_A_TICK = 5
OWN_END_S = 1.0
HANDSHAKE_S = 0.3  # as long those who are being let in may still take, after nobody new is
log = structlog.get_logger("assay")


class Supervised(NamedTuple):
    """The pipe that closes when the supervisor is gone, and the one for what it is told once.

    Started `beside` others that answer, a process must do so as well as they do, or not at all.
    """

    supervisor: int
    reporting: int
    beside: bool = False


class Server(uvicorn.Server):
    """uvicorn's server with the sweep over its connections, and an end that fails nobody who has asked.

    Told to drain (SIGTERM), it is unready and goes on accepting. Told to retire (SIGUSR1), it accepts nothing more, answers
    what is asked on the connections that it has, and ends with the last of them. Either way each answer is the last of its
    connection, and an idle connection is closed only after its next answer, or when the time is over; told to hurry
    (SIGUSR2, for who waits at a terminal), it closes the idle ones at once.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        process: Process,
        protocol: type[ExpressProtocol],
        supervised: Supervised | None = None,
    ) -> None:
        super().__init__(config)
        self._process = process
        self._protocol = protocol
        self._supervised = supervised
        self._sweeping: asyncio.Task[None] | None = None
        self._hurried = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts serving, and watching; tells the supervisor, if there is one."""
        told = self._supervised
        if told is not None:
            self._obey(told.supervisor)
        try:
            await super().startup(sockets)
        except SystemExit:
            if told is not None:
                report(told.reporting, refused=self._process.failure)
            raise
        # what is here now stays: looking through it for garbage again and again would keep answers waiting
        gc.collect()
        gc.freeze()
        self._sweeping = asyncio.create_task(sweep(self.server_state.connections))
        if told is not None:
            report(told.reporting, ready=True)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: the event loop hears the signals, and what they mean is ours to say."""
        yield

    def drain(self) -> None:
        """Unready from now on, and each answer is the last of its connection; new connections are still accepted."""
        self._process.draining = True
        if self._careless:
            self.retire()
            return
        self._make_answers_last()
        asyncio.get_running_loop().call_later(self._process.settings.drain_delay_s + OWN_END_S, self.retire)

    def retire(self) -> None:
        """Accepts nothing from now on, and ends once the connections have."""
        self._make_answers_last()
        self.should_exit = True

    def hurry(self) -> None:
        """As `retire`, but waits for nobody who has asked nothing."""
        self._hurried = True
        self.retire()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Waits for the connections and what they have asked, then closes the rest and what is behind."""
        await asyncio.sleep(0.0 if self._hurried or self._careless else HANDSHAKE_S)
        for listening in (*self.servers, *(sockets or ())):  # our own handles: others listen on
            listening.close()
        await self._until_answered(0.0 if self._careless else self._process.settings.drain_timeout_s)
        left = list(self.server_state.connections)
        if left:
            log.warning("connections_closed", connections=len(left), unanswered=len(self.server_state.tasks))
        for connection in left:
            connection.transport.close()
        for task in list(self.server_state.tasks):
            task.cancel()
        await self._until_answered(OWN_END_S)
        await self.lifespan.shutdown()

    @property
    def _careless(self) -> bool:
        return "no-drain" in self._process.settings.unsafe

    def _obey(self, supervisor: int) -> None:
        loop = asyncio.get_running_loop()

        def told(act: Callable[[], None]) -> None:
            if not hasattr(self, "servers"):
                os._exit(0)  # nobody can have asked anything yet
            act()

        def orphaned() -> None:
            loop.remove_reader(supervisor)
            self._process.draining = True
            told(self.retire)

        loop.add_signal_handler(signal.SIGTERM, told, self.drain)
        loop.add_signal_handler(signal.SIGUSR1, told, self.retire)
        loop.add_signal_handler(signal.SIGUSR2, told, self.hurry)
        loop.add_reader(supervisor, orphaned)

    def _make_answers_last(self) -> None:
        if self._protocol.closing:
            return
        self._protocol.closing = True
        self._protocol.express.make_answers_last()
        for connection in self.server_state.connections:
            connection.shutdown()

    async def _until_answered(self, timeout_s: float) -> None:
        until, turn = ticks_us() + int(timeout_s * 1e6), 0
        while (self.server_state.connections or self.server_state.tasks) and ticks_us() < until:
            for connection in list(self.server_state.connections) if self._hurried else ():
                if is_idle(connection):
                    connection.transport.close()
            await self.on_tick(turn // TURNS_A_TICK)  # it keeps the responses' date right
            await asyncio.sleep(TURN_S)
            turn += 1


def run_worker(folder: Path, told: dict[str, Any], listening: socket.socket, supervised: Supervised) -> int:
    """Serves until it is let go; 0 if it ended well."""
    speak()
    try:
        process = Process(opened(folder, told, supervised.supervisor), beside=supervised.beside)
    except Exception as failed:
        faults = settings_faults(failed) if isinstance(failed, ValueError) else []
        report(supervised.reporting, refused=" ".join(faults) or str(failed) or type(failed).__name__)
        if faults or isinstance(failed, AssayError):  # all has been said
            return 1
        raise
    if process.assay.database.kind == "sqlite":
        process.shelf.record_at = process.assay.home
    settings = process.settings
    protocol = guarded(Express(process.shelf, settings, listening.getsockname()[1]), settings)
    config = uvicorn.Config(
        Door(process, make_control), http=protocol, ws="none", loop="uvloop", lifespan="on", access_log=False,
        log_level="error", server_header=False, proxy_headers=False, timeout_keep_alive=75, backlog=2048,
    )  # fmt: skip
    server = Server(config, process, protocol, supervised)
    server.run(sockets=[listening])
    return 0 if server.started else 1


def main() -> int:
    """The child's side of `keeping/children.py`: folder, socket, both pipes and settings as arguments."""
    folder, listening, supervisor, place, reporting, told = sys.argv[1:7]
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # what these mean, the supervisor says
    shared = socket.socket(fileno=int(listening))
    supervised = Supervised(int(supervisor), int(reporting), place == "beside")
    for pipe in supervised[:2]:
        fcntl.fcntl(pipe, fcntl.F_SETFD, fcntl.FD_CLOEXEC)  # a model's host must not hold it
    return run_worker(Path(folder), msgspec.json.decode(told), shared, supervised)


if __name__ == "__main__":
    sys.exit(main())
