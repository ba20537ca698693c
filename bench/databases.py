"""The record in SQLite and in PostgreSQL: ours on both beside the hand-written server on PostgreSQL, in turns."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

from bench.load import load, need_wrk
from bench.results import Figures, Table, distinct, each, median, of_kind, ratios
from bench.servers import HANDWRITTEN, OURS, Server, check, ours, recording, running
from bench.subject import BOOSTED, Subject, train
from tests.postgres import Cluster, PostgresMissing

LEVELS = (1, 64)
ON_POSTGRESQL = f"{OURS}, PostgreSQL"
HANDWRITTEN_ON_POSTGRESQL = f"{HANDWRITTEN}, PostgreSQL"
TABLES = {"exchanges": "SELECT count(*) FROM exchanges"}


def measure(subject: Subject) -> Iterator[Figures]:
    """One row a load; the servers take turns, each started anew in every round, PostgreSQL with a fresh database."""
    need_wrk()
    try:
        cluster = Cluster(shared_buffers="128MB", max_wal_size="1GB")
    except PostgresMissing as missing:
        raise SystemExit(f"PostgreSQL {missing}") from missing
    try:
        trained = trained_in(subject, cluster)
        for number in range(1, subject.plan.rounds + 1):
            for server in _servers(subject):
                for row in _one(server, subject, cluster, trained):
                    yield {"round": number, "server": server.name, **row}
    finally:
        cluster.close()


def tables(rows: list[Figures]) -> list[Table]:
    """Medians of the rounds, and the ratios within each round."""
    lines = []
    for server in distinct(rows, "server"):
        for connections in LEVELS:
            seen = of_kind(rows, "load", server=server, connections=connections)
            lines.append([
                server, str(connections), f"{median(seen, 'rps'):,.0f}", f"{median(seen, 'p50_ms'):.2f}",
                f"{median(seen, 'p99_ms'):.2f}", str(sum(row["errors"] for row in seen)), f"{median(seen, 'cpu_ms'):.3f}",
                f"{median(seen, 'other_cores'):.2f}",
            ])  # fmt: skip
    heads = ["server", "connections", "req/s", "p50 ms", "p99 ms", "errors", "server CPU ms / answer", "others' cores"]
    compared = []
    for connections in LEVELS:
        mine = of_kind(rows, "load", server=ON_POSTGRESQL, connections=connections)
        for server in (OURS, HANDWRITTEN_ON_POSTGRESQL):
            its = of_kind(rows, "load", server=server, connections=connections)
            if its:
                compared.append([server, str(connections), *each(ratios(mine, its, "rps"))])
    return [
        Table("Medians of the rounds; PostgreSQL's own processor time is among the others'", heads, lines),
        Table("Our req/s on PostgreSQL over theirs", ["server", "connections", "median", "each round"], compared),
    ]


def _servers(subject: Subject) -> Iterator[Server]:
    mine = ours(subject)
    yield mine
    yield replace(mine, name=ON_POSTGRESQL, environment={"ASSAY_DATABASE_URL": "{url}"})
    try:
        theirs = recording(subject)
    except subprocess.CalledProcessError as failed:
        print(f"Left out, because its environment cannot be made: {failed}", file=sys.stderr)
        return
    yield replace(
        theirs, name=HANDWRITTEN_ON_POSTGRESQL, environment=theirs.environment | {"DATABASE": "{url}"}, counts=TABLES
    )


def trained_in(subject: Subject, cluster: Cluster) -> str:
    """A database with the same version trained into it, of which each start gets a copy."""
    url = cluster.create()
    home = subject.folder / "boosted-postgresql"
    train(BOOSTED, home, subject.data, "--database", url)
    shutil.copytree(home / "artifacts", subject.home / "artifacts", dirs_exist_ok=True)
    return url


def _one(server: Server, subject: Subject, cluster: Cluster, trained: str) -> Iterator[Figures]:
    bodies = [server.body(stone) for stone in subject.questions]
    url = (
        cluster.create(trained if server.name == ON_POSTGRESQL else None) if "{url}" in str(server.environment) else ""
    )
    plan = subject.plan
    counted = 0
    with running(replace(server, url=url), subject) as up:
        counted += 1 + check(up, subject)
        for connections in LEVELS:
            warm = load(up, bodies, connections, plan.warm_up)
            loaded = load(up, bodies, connections, plan.seconds)
            counted += warm.answers + loaded.answers
            yield {"kind": "load", **loaded.row()}
        kept = up.server.recorded(up.folder)
    if url:
        cluster.drop(url)
    if any(count < counted for count in kept.values()):
        raise SystemExit(f"{server.name} has answered {counted} questions and recorded {kept}.")
