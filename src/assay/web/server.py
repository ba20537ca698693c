"""`assay serve`: takes the home and the port, says where it is, and becomes the supervisor of what serves there."""

from __future__ import annotations

import fcntl
import ipaddress
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from assay.clock import iso, now_us
from assay.errors import AlreadyServing, AssayError, NotLoopback, PortTaken
from assay.jobs.schedule import schedules_of
from assay.settings import Settings, concealed, settings_faults, settings_for
from assay.sources.application import Application
from assay.web.keeping.children import Plan, report
from assay.web.keeping.notice import Notice


def tell(name: str, url: str) -> None:
    """Where the application is served, for whoever started it."""
    print(f"Assay serves {name} on {url} (documentation: {url}/docs)", flush=True)  # noqa: T201 - the one line it prints


def serve(folder: Path, told: dict[str, Any], announce: Callable[[str, str], None] = tell) -> NoReturn:
    """Serves the application until it is told to stop: this process becomes the supervisor, and ends with its status.

    `announce` is called with the application's name and address once the port is ours.
    Raises NotLoopback, PortTaken, AlreadyServing or ApplicationInvalid before anything is started.
    """
    told = concealed(told)
    application = Application.at(folder)
    settings = settings_for(application.folder, **told)
    if not settings.open and not is_loopback(settings.host):
        raise NotLoopback(settings.host)
    plan = plan_of(settings)
    with held_back(), ExitStack() as undone:
        lock = lock_home(settings)
        undone.callback(os.close, lock)
        listening = undone.enter_context(bind(settings.host, settings.port))
        host, port = listening.getsockname()[:2]
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        notice = Notice(pid=os.getpid(), url=url, started_at=iso(now_us()))
        notice.write(Path(plan.home))
        announce(application.folder.name, url)
        for handle in (lock, listening.fileno()):
            fcntl.fcntl(handle, fcntl.F_SETFD, 0)  # they outlive what this process is now
        known = (url, notice.started_at, json.dumps(plan._asdict()), dumped(told))
        orders = (str(application.folder), str(listening.fileno()), *known)
        os.execv(sys.executable, [sys.executable, "-P", "-m", "assay.web.keeping.supervisor", *orders])  # noqa: S606 - our own module


def plan_of(settings: Settings) -> Plan:
    """What the supervisor has to know of the settings; raises ScheduleInvalid."""
    schedules_of(settings.schedules)  # nobody is asked to follow one that cannot be
    told = {name: getattr(settings, name) for name in Plan._fields}
    return Plan(**told | {"home": str(settings.home)})


@contextmanager
def held_back() -> Iterator[None]:
    """Signals wait until the supervisor is there to obey them, or until the block has failed."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def dumped(told: dict[str, Any]) -> str:
    """Settings as the web processes get them."""
    return msgspec.json.encode(told, enc_hook=str).decode()


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


def main() -> None:
    """Reads the settings once more, for the supervisor of a server that reloads."""
    folder, reporting, told = sys.argv[1:4]
    try:
        plan = plan_of(settings_for(Path(folder), **msgspec.json.decode(told)))
    except (ValueError, AssayError) as wrong:
        faults = settings_faults(wrong) if isinstance(wrong, ValueError) else []
        report(int(reporting), refused=" ".join(faults) or str(wrong))
    else:
        report(int(reporting), ready=True, plan=plan._asdict())


if __name__ == "__main__":
    main()
