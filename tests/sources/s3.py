"""A real object store on loopback: OpenStack Swift with its S3 interface, four processes in a folder of the test's own.

Debian's packages `swift-proxy swift-account swift-container swift-object` hold it; without them the tests skip.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ACCOUNT, USER, SECRET = "test", "test:tester", "a-secret-of-the-test"
SERVERS = ("object", "container", "account", "proxy")
PROGRAMS = tuple(f"swift-{name}-server" for name in SERVERS)
PACKAGES = "swift-proxy swift-account swift-container swift-object"
MISSING = tuple(name for name in PROGRAMS if shutil.which(name) is None)
SKIPPED = f"needs an object store with an S3 interface: Debian's packages {PACKAGES} (missing: {', '.join(MISSING)})"
STARTS_S = 60

SYSTEM_PYTHON = "/usr/bin/python3"  # the one that the packages belong to
RINGS = """
import sys
from swift.common.ring import RingBuilder
for one in sys.argv[2:]:
    name, port = one.split(":")
    builder = RingBuilder(4, 1, 0)
    builder.add_dev(dict(region=1, zone=1, ip="127.0.0.1", port=int(port), device="one", weight=1.0,
                         replication_ip="127.0.0.1", replication_port=int(port), meta=""))
    builder.rebalance(seed="1")
    builder.get_ring().save(f"{sys.argv[1]}/{name}.ring.gz")
"""

COMMON = "[DEFAULT]\nbind_ip = 127.0.0.1\nbind_port = {port}\nworkers = 0\nuser = {user}\nswift_dir = {folder}\nlog_level = WARNING\n"
STORAGE = COMMON + (
    "devices = {folder}/devices\nmount_check = false\nfallocate_reserve = 0\n"
    "[pipeline:main]\npipeline = {name}-server\n[app:{name}-server]\nuse = egg:swift#{name}\n"
)
PROXY = COMMON + (
    "[pipeline:main]\npipeline = catch_errors cache s3api tempauth slo proxy-server\n"
    "[app:proxy-server]\nuse = egg:swift#proxy\nallow_account_management = true\naccount_autocreate = true\n"
    "[filter:catch_errors]\nuse = egg:swift#catch_errors\n"
    # asked for by the others, and done without where nobody listens
    "[filter:cache]\nuse = egg:swift#memcache\nmemcache_servers = 127.0.0.1:1\nconnect_timeout = 0.1\n"
    "[filter:s3api]\nuse = egg:swift#s3api\nlocation = us-east-1\n"
    "[filter:slo]\nuse = egg:swift#slo\n"  # long objects come in parts
    "[filter:tempauth]\nuse = egg:swift#tempauth\nuser_test_tester = {secret} .admin\n"
)


@dataclass(frozen=True)
class Store:
    """Where the store listens, and what a client's environment must say."""

    endpoint: str

    def environment(self, secret: str = SECRET) -> dict[str, str]:
        """As the provider's own tools read it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint, "AWS_ENDPOINT": self.endpoint, "AWS_ACCESS_KEY_ID": USER,
            "AWS_SECRET_ACCESS_KEY": secret, "AWS_REGION": "us-east-1", "AWS_ALLOW_HTTP": "true",
        }  # fmt: skip


@contextmanager
def running(folder: Path) -> Iterator[Store]:
    """The store, up; ended when the block is left."""
    ports = {name: _free_port() for name in SERVERS}
    _write(folder, ports)
    started = []
    try:
        for name in SERVERS:
            log = (folder / f"{name}.log").open("wb")
            program = str(shutil.which(f"swift-{name}-server"))
            started.append(subprocess.Popen([program, str(folder / f"{name}.conf"), "-v"], stdout=log, stderr=log))
            log.close()
        _await(ports, folder)
        yield Store(f"http://127.0.0.1:{ports['proxy']}")
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(10)


def _write(folder: Path, ports: dict[str, int]) -> None:
    device = folder / "devices" / "one"
    device.mkdir(parents=True)
    (folder / "swift.conf").write_text(
        "[swift-hash]\nswift_hash_path_suffix = test\nswift_hash_path_prefix = test\n"
        "[storage-policy:0]\nname = one\ndefault = yes\n"
    )
    user = os.environ.get("USER") or "root" if os.getuid() else "root"
    for name in SERVERS:
        text = PROXY if name == "proxy" else STORAGE
        said = text.format(name=name, port=ports[name], folder=folder, user=user, secret=SECRET)
        (folder / f"{name}.conf").write_text(said)
    ran = subprocess.run(
        [SYSTEM_PYTHON, "-c", RINGS, str(folder), *(f"{name}:{ports[name]}" for name in SERVERS if name != "proxy")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr


def _await(ports: dict[str, int], folder: Path) -> None:
    """Until each of the servers answers, whatever it answers."""
    until = time.monotonic() + STARTS_S
    waited = list(ports.values())
    while waited and time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{waited[0]}/info", timeout=2):
                waited.pop(0)
        except urllib.error.HTTPError:
            waited.pop(0)
        except OSError:
            time.sleep(0.1)
    logs = {log.name: log.read_text()[-500:] for log in folder.glob("*.log")}
    assert not waited, f"the object store does not start: {logs}"


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
