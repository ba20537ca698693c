"""P23: a disk that is full, fails or is taken away costs answers, never the record, and what is left still works."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests import homes
from tests.postgres import Cluster, PostgresMissing
from tests.promises.asking import Asking, entries, load
from tests.promises.checker import violations
from tests.promises.conftest import Tally
from tests.promises.faults import injected
from tests.promises.ledger import single
from tests.promises.servers import Server, copy_of, serving, start, until_ready

DISK_MB = 160
RESERVE_MB = 64
BACK_S = 5.0
FAULTS = {"pr": 2, "nightly": 12}
PARTS = b"".join(
    json.dumps({"carat": 1.0, "depth": 61.0, "cut": "Ideal", "color": "E", "price": 1500.0 + n}).encode() + b"\n"
    for n in range(9)
)
pytestmark = pytest.mark.xdist_group("server")


@contextmanager
def disk(folder: Path, options: str) -> Iterator[Path]:
    """A small disk of its own; skips where it cannot be had."""
    folder.mkdir()
    ran = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder], capture_output=True, check=False)
    if ran.returncode != 0:
        pytest.skip("needs the right to mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(disk: Path, leaving_mb: int) -> Path:
    """A file that leaves so much of the disk."""
    ballast = disk / "ballast"
    free = shutil.disk_usage(disk).free - (leaving_mb << 20)
    with ballast.open("ab", buffering=0) as out:
        with suppress(OSError):  # others write meanwhile: it is full before all of it was written
            for _ in range(free >> 20):
                out.write(b"x" * (1 << 20))
        if not leaving_mb:
            to_the_brim(out.fileno())
    return ballast


def to_the_brim(out: int) -> None:
    """Until not one byte more has room."""
    size = 1 << 16
    while size:
        try:
            os.write(out, b"x" * size)
        except OSError:
            size >>= 1


@pytest.fixture
def small_home(trainings: Callable[[Cluster | None], Path], tmp_path: Path) -> Iterator[Path]:
    """A home in SQLite on a small disk."""
    with disk(tmp_path / "disk", f"size={DISK_MB}m") as place:
        yield copy_of(trainings(None), place / "home")


@pytest.mark.timeout(300)
def test_a_disk_that_fills_costs_answers_and_nothing_else(small_home: Path, tally: Callable[[str], Tally]) -> None:
    count, place = tally("P23"), small_home.parent
    with serving(small_home, workers=2, told={"job_workers": 1}) as server:
        assert created(server)
        asking = [Asking("127.0.0.1", server.port, seed=seed, make=single) for seed in range(2)]
        with load(asking):
            eventually(lambda: all(len(one.told) > 5 for one in asking))
            ballast = fill(place, RESERVE_MB - 1)
            eventually(lambda: all(one.told[-1].asked.status == 507 for one in asking))
            assert server.predict().code == "storage_full"
            assert reads(server) == {200}
            assert server.ask("/livez").status == 200
            assert server.ask("/readyz").json["missing"]["store"].startswith("There is not enough room")
            assert upload(server) == 507
            assert server.ask("/v1/datasets/shop", method="DELETE").status in (200, 204)
            fill(place, 0)
            eventually(lambda: server.ask("/v1/models").status == 503)
            assert server.ask("/livez").status == 200
            assert server.predict().status in (503, 507)
            ballast.unlink()
            freed = time.monotonic()
            until_ready(server)
            eventually(lambda: server.predict().status == 200)
            took_s = time.monotonic() - freed
            since = time.time_ns() // 1000
            eventually(lambda: all(one.answered_at > since for one in asking))
        assert server.alive(), "a process was replaced"
        assert took_s < BACK_S
        fill(place, 0)
        assert server.stop() == 0, "told to stop while the disk is full"
    ballast.unlink()
    found = entries(asking)
    wrong = violations(small_home, [one for one in found if one.status < 500])
    wrong += [f"{one.status}" for one in found if one.status not in (200, 503, 507)]
    count.count(len(wrong), len(found))
    assert wrong == []
    with serving(small_home) as server:
        assert server.predict().status == 200


@pytest.mark.timeout(300)
def test_without_a_reserve_answers_use_up_what_reading_needs(
    small_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = tmp_path / "planted"
    planted.mkdir()
    (planted / "sitecustomize.py").write_text("import assay.store.files.quarantine as q\nq.RESERVE_BYTES = 0\n")
    monkeypatch.setenv("PYTHONPATH", str(planted))
    with serving(small_home) as server:
        fill(small_home.parent, 1)
        asking = [Asking("127.0.0.1", server.port, seed=seed, make=single, pause_s=0) for seed in range(4)]
        with load(asking):
            eventually(lambda: 503 in {one.status for one in entries(asking)})
            eventually(lambda: 503 in reads(server))
    found = violations(small_home, [one for one in entries(asking) if one.status < 500])
    assert found == [], "even so nothing is answered that is not recorded"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", ["pwrite64:error=ENOSPC", "pwrite64:error=EIO", "fsync,fdatasync:error=EIO"])
def test_a_disk_that_fails_in_the_middle_of_a_commit(
    trainings: Callable[[Cluster | None], Path],
    tmp_path: Path,
    strace: str,
    tier: str,
    fault: str,
    tally: Callable[[str], Tally],
) -> None:
    count, home = tally("P23"), copy_of(trainings(None), tmp_path / "home")
    call, _, what = fault.partition(":")
    with serving(home) as server:
        asking = [Asking("127.0.0.1", server.port, seed=seed, make=single) for seed in range(3)]
        with load(asking):
            eventually(lambda: all(one.told for one in asking))
            for first in range(1, FAULTS[tier] + 1):
                with injected(strace, server.worker, call, f"{what}:when={first}..{first + 20}"):
                    time.sleep(1)
            since = time.time_ns() // 1000
            eventually(lambda: all(one.answered_at > since for one in asking))
        assert server.alive()
    found = entries(asking)
    wrong = violations(home, [one for one in found if one.status < 500])
    wrong += [f"{one.status}" for one in found if one.status not in (200, 503, 507)]
    count.count(len(wrong), len(found))
    assert wrong == []
    assert 503 in {one.status for one in found}, "no commit was hit"


@pytest.mark.timeout(120)
def test_a_disk_without_room_for_one_more_file(
    trainings: Callable[[Cluster | None], Path], tmp_path: Path, tally: Callable[[str], Tally]
) -> None:
    with disk(tmp_path / "disk", f"size={DISK_MB}m,nr_inodes=400") as place:
        home = copy_of(trainings(None), place / "home")
        with serving(home) as server:
            assert created(server)
            assert server.predict().status == 200
            full = [place / f"{n}" for n in range(400)]
            for one in full:
                try:
                    one.touch()
                except OSError:
                    break
            refused = upload(server)
            tally("P23").count(refused != 507)
            assert refused == 507
            assert server.predict().status == 200
            for one in full:
                one.unlink(missing_ok=True)
            assert upload(server) in (200, 201)
            assert server.alive()


@pytest.mark.timeout(120)
def test_a_process_that_may_open_no_more_files_recovers(home_in_sqlite: Path, tally: Callable[[str], Tally]) -> None:
    with serving(home_in_sqlite) as server:
        asking = [Asking("127.0.0.1", server.port, seed=seed, make=single) for seed in range(2)]
        with load(asking):
            eventually(lambda: all(one.told for one in asking))
            soft, hard = resource.prlimit(server.worker, resource.RLIMIT_NOFILE)
            resource.prlimit(server.worker, resource.RLIMIT_NOFILE, (3, hard))
            time.sleep(2)
            resource.prlimit(server.worker, resource.RLIMIT_NOFILE, (soft, hard))
            until_ready(server, timeout_s=BACK_S)
            since = time.time_ns() // 1000
            eventually(lambda: all(one.answered_at > since for one in asking))
        assert server.alive()
    found = entries(asking)
    wrong = violations(home_in_sqlite, [one for one in found if one.status < 500])
    tally("P23").count(len(wrong), len(found))
    assert wrong == []


@pytest.mark.timeout(120)
@pytest.mark.parametrize("what", ["the home", "the log"])
def test_files_that_are_taken_away_while_they_are_in_use(
    home_in_sqlite: Path, what: str, tally: Callable[[str], Tally]
) -> None:
    place = home_in_sqlite if what == "the home" else home_in_sqlite / "assay.db-wal"
    aside = home_in_sqlite.with_name("aside")
    server = start(home_in_sqlite)
    asking = [Asking("127.0.0.1", server.port, seed=seed, make=single) for seed in range(2)]
    try:
        with load(asking):
            eventually(lambda: all(len(one.told) > 5 for one in asking))
            kept = [one for one in entries(asking) if one.status < 500]
            place.rename(aside)
            if what == "the home":
                eventually(lambda: all(one.told[-1].asked.status == 503 for one in asking))
                assert server.ask("/livez").status == 200
                aside.rename(place)
            since = time.time_ns() // 1000
            eventually(lambda: all(one.answered_at > since for one in asking))
    finally:
        server.kill()
    if what == "the home":
        kept = [one for one in entries(asking) if one.status < 500]
    else:  # the commits that were in the log alone went with it: who takes it away takes them away
        kept = [one.asked for each in asking for one in each.told if one.at > since and one.asked.status < 500]
    wrong = violations(home_in_sqlite, kept)
    tally("P23").count(len(wrong), len(kept))
    assert wrong == []


@pytest.mark.timeout(300)
def test_a_full_disk_below_postgresql(
    trainings: Callable[[Cluster | None], Path], tmp_path: Path, tally: Callable[[str], Tally]
) -> None:
    try:
        cluster = Cluster(max_wal_size="64MB", min_wal_size="32MB")
    except PostgresMissing as missing:
        pytest.skip(str(missing))
    place = Path(tempfile.mkdtemp(prefix="assay-disk-"))
    try:
        with disk(place / "disk", "size=200m,mode=777") as small:
            home = copy_of(trainings(cluster), tmp_path / "home")
            name = (homes.url_of(home) or "").rpartition("/")[2]
            data = small / "tablespace"
            data.mkdir(mode=0o777)
            place.chmod(0o755)
            owner = cluster.log.parent.stat()
            os.chown(data, owner.st_uid, owner.st_gid)
            cluster.tell(f"CREATE TABLESPACE small LOCATION '{data}'")
            cluster.tell(f"ALTER DATABASE {name} SET TABLESPACE small")
            fills_and_recovers(home, small, tally("P23"))
            homes.forgotten(home)
            cluster.tell("DROP TABLESPACE small")
    finally:
        cluster.close()
        shutil.rmtree(place, ignore_errors=True)


def fills_and_recovers(home: Path, small: Path, count: Tally) -> None:
    """A server whose database's disk is full for a while."""
    with serving(home, workers=2) as server:
        asking = [Asking("127.0.0.1", server.port, seed=seed, make=single, pause_s=0.0) for seed in range(4)]
        with load(asking):
            eventually(lambda: all(one.told for one in asking))
            ballast = fill(small, 0)
            eventually(lambda: all(one.told[-1].asked.status == 503 for one in asking))
            assert server.ask("/livez").status == 200
            ballast.unlink()
            until_ready(server, timeout_s=BACK_S)
            since = time.time_ns() // 1000
            eventually(lambda: all(one.answered_at > since for one in asking))
        assert server.alive()
    found = entries(asking)
    wrong = violations(home, [one for one in found if one.status < 500])
    count.count(len(wrong), len(found))
    assert wrong == []
    assert {one.status for one in found} == {200, 503}


@pytest.mark.timeout(120)
def test_a_home_that_can_only_be_read_is_told(trainings: Callable[[Cluster | None], Path], tmp_path: Path) -> None:
    with disk(tmp_path / "disk", f"size={DISK_MB}m") as place:
        home = copy_of(trainings(None), place / "home")
        subprocess.run(["mount", "-o", "remount,ro", place], check=True)
        with pytest.raises((AssertionError, OSError), match=r"(?i)read-only"):
            start(home)


@pytest.fixture
def home_in_sqlite(trainings: Callable[[Cluster | None], Path], tmp_path: Path) -> Path:
    return copy_of(trainings(None), tmp_path / "home")


def created(server: Server) -> bool:
    """Whether there is a dataset to upload to."""
    told = json.dumps({"model": "stones"}).encode()
    return server.ask("/v1/datasets/shop", told, method="PUT").status in (200, 201)


def upload(server: Server) -> int:
    """How a part of a dataset is taken."""
    headers = {"Content-Type": "application/x-ndjson"}
    return server.ask("/v1/datasets/shop/rows", PARTS, headers=headers).status


def reads(server: Server) -> set[int]:
    """How what only reads is answered."""
    return {server.ask(path).status for path in ("/v1/models", "/v1/predictions?limit=1", "/v1/jobs", "/v1/datasets")}


def eventually(holds: Callable[[], object]) -> None:
    """Waits until it holds."""
    until = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.02)
