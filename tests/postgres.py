"""A real PostgreSQL server for the tests: made in a temporary folder, on a port of this machine, and surely removed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from assay.clock import new_id

ADMIN, USER, PASSWORD = "warden", "tenant", "a-secret-word"
INSTALLED = Path("/usr/lib/postgresql")  # by Debian, each version in a folder of its own
NEEDED = ("initdb", "postgres")
STARTED_S = 60.0
# outside the range from which Linux takes the ports of connections: nobody may take ours while the server is stopped
PORTS = range(20_000, 32_000)
# texts are sorted as in most languages, and not as SQLite sorts them, where this PostgreSQL knows how
LOCALES = (("--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"), ("--locale=C.UTF-8",), ("--locale=C",))
SETTINGS = {
    "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "max_connections": "200", "shared_buffers": "32MB",
    "max_wal_size": "256MB", "fsync": "on", "log_line_prefix": "%m [%p] %d ",
}  # fmt: skip
# Waits until whoever made the cluster lets go of it or is gone, however it ended; then nothing of it stays.
KEEPER = """
import os, shutil, signal, sys, time
folder = sys.argv[1]
sys.stdin.read()
def running():
    try:
        pid = int(open(folder + "/data/postmaster.pid").readline())
        ours = folder.encode() in open(f"/proc/{pid}/cmdline", "rb").read()
        return pid if ours and "State:\\tZ" not in open(f"/proc/{pid}/status").read() else 0
    except (OSError, ValueError):
        return 0
for signals in (signal.SIGQUIT, signal.SIGKILL):
    until = time.monotonic() + 10
    while (pid := running()) and time.monotonic() < until:
        os.kill(pid, signals)
        time.sleep(0.1)
for _ in range(50):
    shutil.rmtree(folder, ignore_errors=True)
    if not os.path.exists(folder):
        break
    time.sleep(0.1)
"""


class PostgresMissing(Exception):
    """No server can be had on this machine; says what is missing, and how to get it."""


class Cluster:
    """A server with as many databases as are asked for. Its user may do what an owner of a database may, and no more."""

    def __init__(self, environment: Mapping[str, str] | None = None, **settings: str) -> None:
        """Makes and starts it, with variables and settings of its own; raises PostgresMissing."""
        programs = found_programs()
        self._folder = Path(tempfile.mkdtemp(prefix="assay-pg-"))
        self._keeper = subprocess.Popen(
            [sys.executable, "-c", KEEPER, str(self._folder)], stdin=subprocess.PIPE, start_new_session=True
        )
        self._server: subprocess.Popen[bytes] | None = None
        self._program = programs["postgres"]
        self._settings = SETTINGS | settings
        self._environment = {**os.environ, **(environment or {})}
        self._as = _somebody(self._folder)
        self.log = self._folder / "log"
        self.port = _free_port()
        try:
            self._make(programs["initdb"])
            self.start()
            create = f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'"
            tell(self._url("postgres", ADMIN), create)
        except BaseException:
            self.close()
            raise

    def create(self, template: str | None = None) -> str:
        """The URL of a database of its own, empty or a copy of another, to which nobody may be connected."""
        return copy_of_database(template or self._url("template1", USER))

    def drop(self, url: str) -> None:
        """Removes a database, whoever is connected."""
        drop_database(url)

    def start(self) -> None:
        """Starts it and waits until it answers."""
        told = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self._server = subprocess.Popen(
                [self._program, "-D", self._folder / "data", "-p", str(self.port), *told],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._folder, env=self._environment,
                start_new_session=True, **self._as,
            )  # fmt: skip
        until = time.monotonic() + STARTED_S
        while True:
            try:
                tell(self._url("postgres", ADMIN), "SELECT 1")
                return
            except _driver().OperationalError as failed:
                gone = self._server.poll() is not None
                if gone or time.monotonic() > until:
                    raise PostgresMissing(f"PostgreSQL does not start here: {failed} {self._said()}") from failed
                time.sleep(0.05)

    def stop(self) -> None:
        """Stops it as an operator does: connections are ended, and everything is written down."""
        self._end(signal.SIGINT)

    def stop_at_once(self) -> None:
        """Stops it as the loss of its machine would: nothing is written down any more; the next start recovers."""
        self._end(signal.SIGQUIT)

    def restart(self) -> None:
        """Stops and starts it."""
        self.stop()
        self.start()

    def tell(self, statement: str) -> list[tuple[Any, ...]]:
        """What the server says to its administrator."""
        return tell(self._url("postgres", ADMIN), statement)

    def close(self) -> None:
        """Stops it, and removes its folder."""
        if self._server is not None:
            self._end(signal.SIGINT)
        with suppress(BrokenPipeError):
            self._keeper.communicate(timeout=60)

    def _make(self, initdb: str) -> None:
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        said = ""
        for locale in LOCALES:
            told = ["-U", ADMIN, "--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8", "--no-sync", *locale]
            ran = subprocess.run(
                [initdb, "-D", self._folder / "data", *told], capture_output=True, text=True, check=False,
                cwd=self._folder, **self._as,
            )  # fmt: skip
            if ran.returncode == 0:
                return
            said = ran.stderr.strip()[-300:]
        raise PostgresMissing(f"PostgreSQL cannot be set up here: {said}")

    def _end(self, number: int) -> None:
        assert self._server is not None
        if self._server.poll() is None:
            self._server.send_signal(number)
        try:
            self._server.wait(30)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()

    def _said(self) -> str:
        return self.log.read_text(errors="replace")[-300:] if self.log.exists() else ""

    def _url(self, database: str, user: str) -> str:
        return f"postgresql://{user}:{PASSWORD}@127.0.0.1:{self.port}/{database}"


def found_programs() -> dict[str, str]:
    """Where PostgreSQL's programs are: on PATH, or where Debian keeps them; raises PostgresMissing."""
    places = [
        os.environ.get("PATH", ""),
        *map(str, sorted(INSTALLED.glob("*/bin"), key=lambda one: (len(str(one)), one), reverse=True)),
    ]
    found = {name: shutil.which(name, path=os.pathsep.join(places)) for name in NEEDED}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        raise PostgresMissing(
            f"needs PostgreSQL's own programs, of which {' and '.join(missing)} cannot be found: apt-get install postgresql"
        )
    _driver()
    return {name: path for name, path in found.items() if path is not None}


def tell(url: str, statement: str) -> list[tuple[Any, ...]]:
    """What a database says to a statement, in a transaction of its own."""
    with _driver().connect(url, autocommit=True, connect_timeout=20) as connection:
        done = connection.execute(statement)
        return list(done.fetchall()) if done.description else []


def copy_of_database(url: str) -> str:
    """The URL of a copy, on the same server; waits until nobody is connected to the original any more."""
    name = f"assay_{new_id()}"
    tell(_administering(url), f"CREATE DATABASE {name} OWNER {USER} TEMPLATE {_name(url)}")
    return url.removesuffix(_name(url)) + name


def drop_database(url: str) -> None:
    """Removes a database, whoever is connected."""
    tell(_administering(url), f"DROP DATABASE IF EXISTS {_name(url)} WITH (FORCE)")


def _name(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


def _administering(url: str) -> str:
    return f"postgresql://{ADMIN}:{PASSWORD}@127.0.0.1:{urlsplit(url).port}/postgres"


def _driver() -> Any:
    try:
        import psycopg
    except ImportError as missing:
        raise PostgresMissing("needs the optional package psycopg: pip install 'assay[postgresql]'") from missing
    return psycopg


def _somebody(folder: Path) -> dict[str, Any]:
    """As whom the server runs: it refuses to run as root."""
    if os.getuid() != 0:
        return {}
    import pwd

    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            user = pwd.getpwnam(name)
            os.chown(folder, user.pw_uid, user.pw_gid)
            return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise PostgresMissing("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")


def _free_port() -> int:
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as one, suppress(OSError):
            one.bind(("127.0.0.1", port))
            return port
    raise PostgresMissing("no port is free")
