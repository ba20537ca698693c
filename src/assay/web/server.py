"""`assay serve`: owns the listening socket, and keeps as many web processes alive on it as were asked for."""

from __future__ import annotations

import fcntl
import ipaddress
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from assay.clock import ticks_us
from assay.errors import AlreadyServing, AssayError, NotLoopback, PortTaken
from assay.settings import Settings, settings_for
from assay.sources.application import Application

RESPAWN_PAUSE_S = 0.2
QUICK_DEATH_US = 2_000_000
MAX_QUICK_DEATHS = 5


def tell(name: str, url: str) -> None:
    """Where the application is served, for whoever started it."""
    print(f"Assay serves {name} on {url} (documentation: {url}/docs)", flush=True)  # noqa: T201 - the one line it prints


def serve(folder: Path, told: dict[str, Any], announce: Callable[[str, str], None] = tell) -> int:
    """Serves the application until it is told to stop; the process's exit status.

    `announce` is called with the application's name and address once the port is ours.
    Raises NotLoopback, PortTaken, AlreadyServing or ApplicationInvalid before anything is started.
    """
    application = Application.at(folder)
    settings = settings_for(application.folder, **told)
    if not settings.open and not is_loopback(settings.host):
        raise NotLoopback(settings.host)
    lock = lock_home(settings)
    listening = bind(settings.host, settings.port)
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    announce(application.folder.name, f"http://{shown}:{port}")
    try:
        if settings.workers == 1:
            from assay.web.worker import run_worker  # noqa: PLC0415 - the supervisor itself stays small

            return run_worker(application.folder, told, listening)
        return Supervisor(application.folder, told, listening, settings).run()
    finally:
        listening.close()
        os.close(lock)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; raises PortTaken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except OSError as taken:
        made.close()
        raise PortTaken(host, port, taken.strerror or str(taken)) from None
    made.listen(2048)
    made.settimeout(0)
    return made


def lock_home(settings: Settings) -> int:
    """Holds the home folder for this server; raises AlreadyServing, which names the process that has it."""
    home = settings.home or Path.cwd()
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(home / "serve.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.read(lock, 32).decode(errors="replace").strip()
        os.close(lock)
        raise AlreadyServing(holder) from None
    os.ftruncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())
    return lock


class Supervisor:
    """Several web processes on one inherited socket; whoever dies is replaced, and all end together."""

    def __init__(self, folder: Path, told: dict[str, Any], listening: socket.socket, settings: Settings) -> None:
        self._folder = folder
        self._told = msgspec.json.encode(told, enc_hook=str).decode()
        self._listening = listening
        self._settings = settings
        self._alive: dict[int, tuple[subprocess.Popen[bytes], int]] = {}
        self._stopping = threading.Event()
        self._quick_deaths = 0
        self._watched, self._held = os.pipe()  # workers end when this process, and so `_held`, is gone

    def run(self) -> int:
        """Until SIGTERM or SIGINT; 1 where the workers do not stay alive."""
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: self._stopping.set())
        for _ in range(self._settings.workers):
            self._spawn()
        while not self._stopping.wait(RESPAWN_PAUSE_S):
            if not self._replace_dead():
                self._stop()
                raise AssayError("The web processes end as soon as they start; see the messages above.")
        self._stop()
        return 0

    def _spawn(self) -> None:
        handle = self._listening.fileno()
        command = [
            sys.executable,
            "-P",
            "-m",
            "assay.web.worker",
            str(self._folder),
            str(handle),
            str(self._watched),
            self._told,
        ]
        child = subprocess.Popen(command, pass_fds=(handle, self._watched))  # noqa: S603 - our own module
        self._alive[child.pid] = (child, ticks_us())

    def _replace_dead(self) -> bool:
        for pid, (child, since) in list(self._alive.items()):
            if child.poll() is not None:
                del self._alive[pid]
                self._quick_deaths = self._quick_deaths + 1 if ticks_us() - since < QUICK_DEATH_US else 0
                self._spawn()
        return self._quick_deaths < MAX_QUICK_DEATHS

    def _stop(self) -> None:
        for child, _ in self._alive.values():
            child.send_signal(signal.SIGTERM)
        until = ticks_us() + int((self._settings.drain_timeout_s + 5) * 1e6)
        for child, _ in self._alive.values():
            try:
                child.wait(max(0.1, (until - ticks_us()) / 1e6))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
