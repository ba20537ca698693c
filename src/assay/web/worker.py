"""One web process: uvicorn on a socket that somebody else has bound."""

from __future__ import annotations

import asyncio
import fcntl
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import structlog
import uvicorn

from assay.app import Assay
from assay.web.control import make_api
from assay.web.door import Door
from assay.web.express import Express, guarded
from assay.web.process import Process
from assay.web.protocol import sweep


class Server(uvicorn.Server):
    """uvicorn's server with the sweep over its connections, and an end when its supervisor is gone."""

    def __init__(self, config: uvicorn.Config, supervisor: int | None) -> None:
        super().__init__(config)
        self._supervisor = supervisor
        self._sweeping: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts serving, and watching."""
        await super().startup(sockets)
        self._sweeping = asyncio.create_task(sweep(self.server_state.connections))
        if self._supervisor is not None:
            asyncio.get_running_loop().add_reader(self._supervisor, self._orphaned)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """A server that was told to stop, and has answered everything, ended well: the signal is not raised again."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()

    def _orphaned(self) -> None:
        asyncio.get_running_loop().remove_reader(self._supervisor or 0)
        self.should_exit = True


def run_worker(folder: Path, told: dict[str, Any], listening: socket.socket, supervisor: int | None = None) -> int:
    """Serves until it is told to stop; 0 if it stopped well."""
    configure_log()
    assay = Assay.at(folder, **told)
    settings = assay.settings
    process = Process(assay)
    protocol = guarded(Express(process.shelf, settings, listening.getsockname()[1]), settings)
    config = uvicorn.Config(
        Door(process, make_api), http=protocol, ws="none", loop="uvloop", lifespan="on", access_log=False,
        log_level="error", server_header=False, proxy_headers=False, timeout_keep_alive=75, backlog=2048,
        timeout_graceful_shutdown=int(settings.drain_timeout_s) or None,
    )  # fmt: skip
    server = Server(config, supervisor)
    server.run(sockets=[listening])
    return 0 if server.started else 1


def configure_log() -> None:
    """Structured lines on standard error; bodies never, they are in the record."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info, structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )  # fmt: skip


def main() -> int:
    """The child's side of `server.py`: folder, socket, supervisor's pipe and settings as arguments."""
    folder, listening, supervisor, told = sys.argv[1:5]
    shared = socket.socket(fileno=int(listening))
    fcntl.fcntl(int(supervisor), fcntl.F_SETFD, fcntl.FD_CLOEXEC)  # a model's host must not hold it
    return run_worker(Path(folder), msgspec.json.decode(told), shared, int(supervisor))


if __name__ == "__main__":
    sys.exit(main())
