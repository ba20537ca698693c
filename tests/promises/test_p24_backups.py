"""P24: a backup made while the server answers holds everything that was acknowledged before, and is there whole or not at all."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from hashlib import sha256
from pathlib import Path

import psycopg
import pytest

from assay.store import schema
from assay.store.copies import pages
from assay.store.databases.sqlite import Sqlite
from tests import homes
from tests.postgres import Cluster
from tests.promises.checker import artifact, rows, violations
from tests.promises.conftest import POSTGRESQL, SQLITE, Tally
from tests.promises.ledger import Acknowledged, Ledger, Load, mixed, stone
from tests.promises.servers import APPLICATION, JSON, Server, environment, serving

BACKUPS = {"pr": 3, "nightly": 60}
KILLS = {"pr": 5, "nightly": 100}
CONNECTIONS, PAUSE_S = 10, 0.1  # about 100 requests a second
BETWEEN = 150  # answers
PATIENCE_S = 120.0
PROGRAM = [sys.executable, "-c", "from assay.cli.main import main; main(prog_name='assay')", "db"]


def command(verb: str, folder: Path, home: Path) -> subprocess.Popen[bytes]:
    """`assay db backup` or `restore`, as an operator calls it."""
    told = [*PROGRAM, verb, str(APPLICATION), str(folder), "--home", str(home)]
    return subprocess.Popen(told, env=environment(home=home), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def done(process: subprocess.Popen[bytes]) -> None:
    """Waits for its end, which is to be a good one."""
    said, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, said.decode()


@contextmanager
def asking(server: Server, ledger: Ledger) -> Iterator[Load]:
    """Questions, about a hundred a second, for as long as the block lasts."""
    load = Load(server.port, ledger, mixed, pause_s=PAUSE_S)
    thread = threading.Thread(target=lambda: asyncio.run(load.run(CONNECTIONS)))
    thread.start()
    try:
        yield load
    finally:
        load.stop()
        thread.join()


def await_answers(load: Load, count: int) -> None:
    """Until so many more have arrived."""
    wanted, until = load.answered + count, time.monotonic() + PATIENCE_S
    while load.answered < wanted:
        assert time.monotonic() < until, load.failures
        time.sleep(0.01)


def change_datasets(server: Server, over: threading.Event) -> None:
    """Datasets come and go meanwhile, and their files with them."""
    draw, number = random.Random(5), 0
    while not over.wait(0.5):
        number += 1
        body = json.dumps([stone(draw) | {"price": 100.0} for _ in range(20)]).encode()
        server.ask(f"/v1/datasets/d{number}", b'{"model": "stones"}', method="PUT", headers=JSON)
        answer = server.ask(f"/v1/datasets/d{number}/rows", body, method="POST", headers=JSON)
        assert answer.status in (200, 201), answer.body
        if number > 2:
            server.ask(f"/v1/datasets/d{number - 2}", method="DELETE")


def lacking(home: Path) -> list[str]:
    """Uploads without their file."""
    return [
        f"the upload {row['id']} has not its file"
        for row in rows(home, "SELECT id, file FROM uploads")
        if not (file := artifact(home, row["file"])).exists() or sha256(file.read_bytes()).hexdigest() != row["file"]
    ]


@pytest.mark.timeout(7200)
def test_a_backup_under_load_holds_all_that_was_acknowledged(
    home: Path, cluster: Cluster | None, tmp_path: Path, tier: str, tally: Callable[[str], Tally]
) -> None:
    ledger, made, over = Ledger(tmp_path / "ledger"), list[tuple[Path, list[Acknowledged]]](), threading.Event()
    with serving(home) as server:
        changing = threading.Thread(target=change_datasets, args=(server, over))
        changing.start()
        with asking(server, ledger) as load:
            for number in range(BACKUPS[tier]):
                await_answers(load, BETWEEN)
                acknowledged = ledger.entries()
                done(command("backup", folder := tmp_path / f"backup-{number}", home))
                made.append((folder, acknowledged))
        over.set()
        changing.join()
        assert load.failures == []
    counted = tally("P24")
    for folder, acknowledged in made:
        restored = homes.prepared(tmp_path / f"{folder.name}-restored", cluster)
        done(command("restore", folder, restored))
        found = violations(restored, acknowledged) + lacking(restored)
        counted.count(len(found), len(acknowledged))
        assert found == []
        assert rows(restored, "SELECT count(*) AS n FROM uploads")[0]["n"] > 0
        homes.forgotten(restored)
        shutil.rmtree(restored)
    with serving(folder) as server:  # a backup is a home as it stands, whatever it was taken from
        assert server.predict().status == 200


@SQLITE
def test_a_plain_copy_of_the_file_would_lose_answers(home: Path, tmp_path: Path) -> None:
    with serving(home) as server, asking(server, ledger := Ledger(tmp_path / "ledger")) as load:
        await_answers(load, BETWEEN)
        acknowledged = ledger.entries()
        (copy := tmp_path / "copy").mkdir()
        shutil.copyfile(home / "assay.db", copy / "assay.db")
        shutil.copytree(home / "artifacts", copy / "artifacts")
    assert any("lost" in said for said in violations(copy, acknowledged))


@POSTGRESQL
def test_a_copy_without_one_view_of_all_tables_would_be_torn(home: Path, tmp_path: Path) -> None:
    (copy := tmp_path / "copy").mkdir()
    shutil.copytree(home / "artifacts", copy / "artifacts")
    with closing(Sqlite(copy / "assay.db")) as made:
        schema.upgrade(made)
    with serving(home) as server, asking(server, Ledger(tmp_path / "ledger")) as load:
        await_answers(load, BETWEEN)
        with (
            pages.filling(copy / "assay.db") as out,
            psycopg.connect(homes.url_of(home) or "", autocommit=True) as source,
        ):
            for table, columns in pages.tables(out).items():
                into = f"INSERT INTO {table} VALUES ({','.join('?' * len(columns))})"
                names = ",".join(f'"{name}"' for name in columns)
                out.executemany(into, source.execute(f"SELECT {names} FROM {table}".encode()).fetchall())
                if table == "exchanges":
                    await_answers(load, 10)
    assert any("have no exchange" in said for said in violations(copy, []))


@pytest.mark.timeout(3600)
def test_a_backup_that_is_killed_is_there_whole_or_not_at_all(
    home: Path, tmp_path: Path, tier: str, tally: Callable[[str], Tally]
) -> None:
    begun = time.monotonic()
    done(command("backup", tmp_path / "whole", home))
    longest, draw, counted = time.monotonic() - begun, random.Random(3), tally("P24")
    for number in range(KILLS[tier]):
        folder = tmp_path / f"killed-{number}"
        kill_within(command("backup", folder, home), draw.uniform(0.3, 1.0) * longest)
        half = folder.exists() and json.loads((folder / "backup.json").read_bytes())["files"] == 0
        counted.count(half)
        assert not half
    done(command("restore", tmp_path / "whole", restored := tmp_path / "restored"))  # of SQLite, whatever it was
    assert violations(restored, []) == []


@pytest.mark.timeout(3600)
def test_a_restore_that_is_killed_leaves_nothing_or_all(
    home: Path, cluster: Cluster | None, tmp_path: Path, tier: str, tally: Callable[[str], Tally]
) -> None:
    done(command("backup", backup := tmp_path / "backup", home))
    begun = time.monotonic()
    target = homes.prepared(tmp_path / "first", cluster)
    done(command("restore", backup, target))
    longest, draw, counted = time.monotonic() - begun, random.Random(4), tally("P24")
    wanted = rows(target, "SELECT count(*) AS n FROM versions")
    for number in range(KILLS[tier]):
        target = homes.prepared(tmp_path / f"killed-{number}", cluster)
        kill_within(command("restore", backup, target), draw.uniform(0.3, 1.0) * longest)
        if empty(target):
            done(command("restore", backup, target))
        found = violations(target, [])
        counted.count(len(found))
        assert found == []
        assert rows(target, "SELECT count(*) AS n FROM versions") == wanted
        homes.forgotten(target)


def empty(home: Path) -> bool:
    """Whether there is no store there at all."""
    url = homes.url_of(home)
    if url is None:
        return not home.exists()
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public'").fetchone() is None


def kill_within(process: subprocess.Popen[bytes], seconds: float) -> None:
    """As the kernel kills, unless it has ended before."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    process.kill()
    process.communicate()
