"""Durable tasks a second, from being submitted to being fetched: ours beside Celery with Redis, doing the same, in turns."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from bench.databases import trained_in
from bench.install import environment
from bench.processes import machine_cpu_s
from bench.results import Figures, Table, distinct, each, median, of_kind, ratios
from bench.servers import OURS, PROGRAMS, Running, Server, check, ours, running
from bench.subject import Subject, plain_environment
from tests.postgres import Cluster, PostgresMissing

LEVELS = (1, 16, 64, 256)
SYNCED, UNSYNCED = "Celery, Redis that syncs each write", "Celery, Redis"
ALONE = "no web server"
STACK = """
export REDIS=redis://127.0.0.1:$((PORT + 1))
redis-server --port $((PORT + 1)) --dir . --save '' {syncing} >redis.log &
WORKER=1 {bin}/celery --app queued:queue worker --concurrency 1 --loglevel warning --without-gossip --without-mingle >worker.log 2>&1 &
exec {bin}/uvicorn --app-dir {programs} --host 127.0.0.1 --port $PORT --no-access-log --log-level warning queued:app
"""
COUNTED = {"tasks": "SELECT count(*) FROM jobs WHERE verb = 'predict' AND state = 'succeeded'"}


@dataclass(frozen=True)
class Contender:
    """A server, and how its clients speak."""

    server: Server
    kind: str


def measure(subject: Subject) -> Iterator[Figures]:
    """One row a load; the servers take turns, each started anew in every round."""
    cluster = _cluster()
    try:
        contenders = _contenders(subject, cluster)
        for number in range(1, subject.plan.rounds + 1):
            for make in contenders:
                contender = make()
                for row in _one(contender, subject):
                    yield {"round": number, "server": contender.server.name, **row}
    finally:
        if cluster is not None:
            cluster.close()


def tables(rows: list[Figures]) -> list[Table]:
    """Medians of the rounds, and the ratios within each round."""
    rows, lines = of_kind(rows, "load"), []
    for server in distinct(rows, "server"):
        for level in distinct(of_kind(rows, "load", server=server), "connections"):
            seen = of_kind(rows, "load", server=server, connections=level)
            lines.append([
                server, str(level), f"{median(seen, 'rate'):,.0f}", _ms(median(seen, "p50_ms")), _ms(median(seen, "p99_ms")),
                str(sum(row["errors"] + row["wrong"] for row in seen)),
                f"{median(seen, 'cpu_ms'):.3f}", f"{median(seen, 'other_cores'):.2f}",
            ])  # fmt: skip
    heads = ["server", "clients", "tasks/s", "p50 ms", "p99 ms", "errors", "server CPU ms / task", "others' cores"]
    compared = []
    for level in LEVELS:
        mine = of_kind(rows, "load", server=OURS, connections=level)
        for server in (UNSYNCED, SYNCED):
            its = of_kind(rows, "load", server=server, connections=level)
            if its and mine:
                compared.append([server, str(level), *each(ratios(mine, its, "rate"))])
    for server in (UNSYNCED, SYNCED):
        if of_kind(rows, "load", server=server):
            compared.append([server, "each at its best", *each(ratios(_best(rows, OURS), _best(rows, server), "rate"))])
    return [
        Table("Medians of the rounds", heads, lines),
        Table("Our tasks/s over theirs", ["server", "clients", "median", "each round"], compared),
    ]


def _best(rows: list[Figures], server: str) -> list[Figures]:
    """Of each round the load at which the server did most."""
    mine = of_kind(rows, "load", server=server)
    return [
        max((row for row in mine if row["round"] == number), key=lambda row: float(row["rate"]))
        for number in distinct(mine, "round")
    ]


def _contenders(subject: Subject, cluster: Cluster | None) -> list[Callable[[], Contender]]:
    """What makes each of them, anew for every start."""
    found = [lambda: Contender(replace(ours(subject), counts=COUNTED), "assay")]
    if cluster is not None:
        trained = trained_in(subject, cluster)
        found.append(lambda: Contender(_on_postgresql(subject, cluster.create(trained)), "assay"))
    if shutil.which("redis-server") is None:
        print(
            "Celery is left out: redis-server is not installed (Debian: apt-get install redis-server).", file=sys.stderr
        )
        return found
    try:
        environment("celery")
    except subprocess.CalledProcessError as failed:
        print(f"Left out, because its environment cannot be made: {failed}", file=sys.stderr)
        return found
    for name, syncing in ((UNSYNCED, ""), (SYNCED, "--appendonly yes --appendfsync always")):
        found.append(lambda name=name, syncing=syncing: Contender(_celery(subject, name, syncing), "celery"))  # type: ignore[misc]  # its defaults are texts
    return found


def _celery(subject: Subject, name: str, syncing: str) -> Server:
    script = STACK.format(bin=environment("celery"), programs=PROGRAMS, syncing=syncing)
    return Server(
        name=name, command=("sh", "-c", script), path="/predict", price=lambda told: float(told["price"]),
        environment={"MODEL": str(subject.model), "PORT": "{port}", "PYTHONPATH": str(PROGRAMS)},
    )  # fmt: skip


def _on_postgresql(subject: Subject, url: str) -> Server:
    """Ours with its tables in this database."""
    return replace(
        ours(subject), name=f"{OURS}, PostgreSQL", url=url, environment={"ASSAY_DATABASE_URL": url}, counts=COUNTED
    )


def _cluster() -> Cluster | None:
    try:
        return Cluster(shared_buffers="128MB", max_wal_size="1GB")
    except PostgresMissing as missing:
        print(f"PostgreSQL is left out: {missing}", file=sys.stderr)
        return None


def _one(contender: Contender, subject: Subject) -> Iterator[Figures]:
    with running(contender.server, subject) as up:
        check(up, subject)
        counted = 0
        file = up.folder / "asked.jsonl"
        pairs = zip(subject.questions, subject.prices, strict=True)
        file.write_text("".join(json.dumps({"body": body, "price": price}) + "\n" for body, price in pairs))
        for level in LEVELS:
            counted += _load(contender, up, level, subject.plan.warm_up)["done"]
            found = _load(contender, up, level, subject.plan.seconds)
            counted += found["done"]
            yield {"kind": "load", "connections": level, **found}
        if contender.kind == "celery":
            yield {"kind": "load", "connections": ALONE, **_load(contender, up, 0, subject.plan.seconds)}
        kept = contender.server.recorded(up.folder)
    if any(count < counted for count in kept.values()):
        raise SystemExit(f"{contender.server.name} has done {counted} tasks and recorded {kept}.")


def _load(contender: Contender, up: Running, level: int, seconds: int) -> Figures:
    """So many clients for so long, and what that took of the machine; without any, the queue alone."""
    file = str(up.folder / "asked.jsonl")
    command = [sys.executable, "-m", "bench.clients", contender.kind, str(up.port), str(level), str(seconds), file]
    told: dict[str, str] = {}
    if not level:
        command = [str(environment("celery") / "python"), str(PROGRAMS / "queued_alone.py"), file, str(seconds)]
        told = {"REDIS": f"redis://127.0.0.1:{up.port + 1}", "PYTHONPATH": str(PROGRAMS)}
    server, machine, client = up.processes.cpu_s(), machine_cpu_s(), _client_cpu_s()
    ran = subprocess.run(command, env=plain_environment() | told, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SystemExit(
            f"The clients failed: {ran.stderr[-2000:]}\n{up.processes.log.read_text(errors='replace')[-2000:]}"
        )
    server, machine, client = up.processes.cpu_s() - server, machine_cpu_s() - machine, _client_cpu_s() - client
    found: dict[str, Any] = json.loads(ran.stdout)
    if found["wrong"]:
        raise SystemExit(f"{contender.server.name} answered {found['wrong']} tasks wrong.")
    return found | {
        "rate": found["done"] / found["seconds"], "cpu_ms": 1000 * server / max(found["done"], 1),
        "other_cores": max(0.0, machine - server - client) / found["seconds"],
    }  # fmt: skip


def _ms(told: float) -> str:
    return f"{told:.1f}" if told else "–"


def _client_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
