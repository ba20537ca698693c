"""Several hosts on one machine: each has a network, a name, processes and a start of its own, and can be lost in three ways."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.postgres import Cluster

ROOT = Path(__file__).parents[2]
GIVEN_S = 20.0
NEEDED = ("ip", "unshare", "nsenter", "mount")
# the first process of a host: gives it its name and its start, then buries whoever nobody else waits for; it ends, and the
# host with it, as soon as whoever made it is gone
FIRST = """
import signal, socket, subprocess, sys
name, start = sys.argv[1:3]
socket.sethostname(name)
subprocess.run(["mount", "--bind", start, "/proc/sys/kernel/random/boot_id"], check=True)
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print("there", flush=True)
sys.stdin.read()
"""


class HostsMissing(Exception):
    """Hosts cannot be made on this machine; says why."""


class Host:
    """One host, joined to the network as long as it is not cut off."""

    def __init__(self, network: Network, name: str, place: int) -> None:
        self.name = name
        self.address = network.address(10 + place)
        self._network = network
        self._cable = f"{network.name}{place}"
        self._start = network.folder / f"{name}.start"
        self._run: list[subprocess.Popen[bytes]] = []
        self.begin()

    def begin(self) -> None:
        """Switches it on; nothing runs on it yet."""
        self._start.write_text(f"{uuid.uuid4()}\n")
        told = ["--net", "--uts", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc"]
        command = ["unshare", *told, sys.executable, "-c", FIRST, self.name, str(self._start)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe)
        assert self._process.stdout is not None
        if self._process.stdout.readline() != b"there\n":
            said = self._process.communicate()[1].decode().strip()
            raise HostsMissing(f"needs the right to make networks and hosts: {said[-200:]}")
        (self._first,) = _children(self._process.pid)
        self._space = Path(f"/proc/{self._first}/ns/pid").readlink()
        _ip("link", "add", self._cable, "type", "veth", "peer", "name", "eth0", "netns", str(self._first))
        self.join()
        self._ip("addr", "add", f"{self.address}/24", "dev", "eth0")
        self._ip("link", "set", "eth0", "up")

    def run(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """A program on this host; it ends with the host. What it says goes to a file."""
        inside = ["nsenter", "-t", str(self._first), "-m", "-u", "-n", "-p", "--"]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
        with self.log.open("ab") as log:
            made = subprocess.Popen(
                [*inside, *command], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**kept, "PYTHONDONTWRITEBYTECODE": "1", **(environment or {})},
            )  # fmt: skip
        self._run.append(made)
        return made

    @property
    def log(self) -> Path:
        """What its programs have said."""
        return self._network.folder / f"{self.name}.log"

    def processes(self, word: str = "") -> list[int]:
        """Its processes, as this machine numbers them, whose command holds the word."""
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if (place / "ns/pid").readlink() == self._space and word in (place / "cmdline").read_bytes().decode():
                    found.append(int(place.name))
        return sorted(found)

    def inner(self, pid: int) -> int:
        """By which number the host itself knows a process."""
        (told,) = re.findall(r"^NSpid:.*\t(\d+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
        return int(told)

    def kill(self) -> None:
        """As if its power were cut: all its processes are gone at once, and its network too."""
        with suppress(ProcessLookupError):
            os.kill(self._first, signal.SIGKILL)
        self._process.kill()
        self._process.communicate()
        for one in self._run:
            one.kill()
            one.wait()
        self._run.clear()
        with suppress(subprocess.CalledProcessError):  # it goes with the host, sooner or later
            _ip("link", "del", self._cable)

    def pause(self) -> None:
        """All its processes stand still, as when a virtual machine is moved."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Its processes know nothing of the pause."""
        self._signal(signal.SIGCONT)
        for one in self._run:  # who waits for a program that stands still does the same
            one.send_signal(signal.SIGCONT)

    def cut(self) -> None:
        """What it sends is lost, and what is sent to it; nobody is told."""
        _ip("link", "set", self._cable, "nomaster")

    def join(self) -> None:
        """The cable is in its place (again)."""
        _ip("link", "set", self._cable, "master", self._network.name)
        _ip("link", "set", self._cable, "up")

    def lose(self, address: str) -> None:
        """What it sends to this one address is lost; everybody else hears it."""
        self._ip("route", "add", "blackhole", f"{address}/32")

    def find(self, address: str) -> None:
        """The way to the address is there again."""
        self._ip("route", "del", "blackhole", f"{address}/32")

    def _ip(self, *words: str) -> None:
        _told(["nsenter", "-t", str(self._first), "-n", "ip", *words])

    def _signal(self, number: int) -> None:
        for pid in self.processes():
            if pid != self._first:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)


class Network:
    """A bridge of this machine: its database is at the first address, and its clients ask from the second."""

    def __init__(self, folder: Path) -> None:
        token = secrets.token_hex(3)
        self.name = f"as{token}"
        self.folder = folder
        self.hosts: list[Host] = []
        self._prefix = f"10.{int(token[:2], 16)}.{int(token[2:4], 16)}"
        _ip("link", "add", self.name, "type", "bridge")
        self.database, self.clients = self.address(1), self.address(2)
        for address in (self.database, self.clients):
            _ip("addr", "add", f"{address}/24", "dev", self.name)
        _ip("link", "set", self.name, "up")

    def address(self, place: int) -> str:
        """The address at a place of the network."""
        return f"{self._prefix}.{place}"

    def add(self, name: str) -> Host:
        """One more host."""
        self.hosts.append(Host(self, name, len(self.hosts) + 1))
        return self.hosts[-1]

    def close(self) -> None:
        """Switches everything off."""
        for host in self.hosts:
            host.kill()
        _ip("link", "del", self.name)


@contextmanager
def network(*names: str) -> Iterator[Network]:
    """Hosts of these names; raises HostsMissing."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing or os.getuid() != 0 or not Path("/proc/self/ns/pid").exists():
        raise HostsMissing(f"needs Linux, root and {', '.join(NEEDED)} to make hosts of its own")
    folder = Path(tempfile.mkdtemp(prefix="assay-hosts-"))
    folder.chmod(0o755)  # the database server's own user reads in it
    try:
        made = Network(folder)
    except subprocess.CalledProcessError as refused:
        shutil.rmtree(folder)
        raise HostsMissing(f"needs the right to make networks: {refused.stderr.decode().strip()[-200:]}") from refused
    try:
        for name in names:
            made.add(name)
        yield made
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def reachable_cluster(between: Network) -> Iterator[Cluster]:
    """A server of PostgreSQL that all hosts of the network can reach; `over` tells the address for them."""
    allowed = between.folder / "pg_hba.conf"
    allowed.write_text("host all all 0.0.0.0/0 scram-sha-256\n")
    allowed.chmod(0o644)
    cluster = Cluster(listen_addresses=f"127.0.0.1,{between.database}", hba_file=str(allowed))
    try:
        yield cluster
    finally:
        cluster.close()


def over(between: Network, url: str) -> str:
    """The address of a database, as the hosts reach it."""
    return url.replace("@127.0.0.1:", f"@{between.database}:")


def until_gone(pids: Sequence[int]) -> None:
    """Waits until none of the processes is there."""
    until = time.monotonic() + GIVEN_S
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < until, "some processes do not end"
        time.sleep(0.01)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _ip(*words: str) -> None:
    _told(["ip", *words])


def _told(command: Sequence[str]) -> None:
    subprocess.run(command, check=True, capture_output=True)
