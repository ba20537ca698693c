"""The interests example with a million users in the store: loading them, looking one up, and answering for them under load."""

from __future__ import annotations

import json
import os
import re
import resource
import sqlite3
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import UUID

import numpy as np
import polars as pl

from assay.app import Assay
from bench.load import need_wrk
from bench.processes import Processes, machine_cpu_s
from bench.results import Figures, Table, of_kind
from bench.servers import free_port
from bench.subject import ASSAY, ROOT, Subject, plain_environment

APPLICATION = ROOT / "examples" / "interests"
SCRIPT = Path(__file__).with_name("paths.lua")
LOADS = ((1, 0), (16, 0), (64, 0), (64, 200))  # connections, and for how many milliseconds each thinks before it asks
WORKERS = (1, 2)
LOOKED_UP = 2_000
ASKED = 20_000  # different users, drawn from all
STARTS_WITHIN_S = 60.0
BAR_MS = 20.0


def measure(subject: Subject) -> Iterator[Figures]:
    """One row for the loading, one for lookups by key, and one a load."""
    need_wrk()
    home, count = subject.folder / "interests", subject.plan.rows
    _run("train", str(APPLICATION), "--home", str(home))
    file, ids = _users(home, subject.folder, count)
    yield {"kind": "loaded", "users": count, **_load(file, home)}
    yield {"kind": "lookup", **_lookups(home, ids)}
    for workers in WORKERS:
        for row in _served(subject, home, ids, workers):
            yield {"kind": "load", "workers": workers, **row}


def tables(rows: list[Figures]) -> list[Table]:
    """What loading took, what a lookup takes, and the latencies of whole answers."""
    loaded = [
        [
            f"{one['users']:,}",
            f"{one['seconds']:.0f}",
            f"{one['users'] / one['seconds']:,.0f}",
            f"{one['rss_mb']:.0f}",
            f"{one['store_mb']:,.0f}",
        ]
        for one in of_kind(rows, "loaded")
    ]
    looked = [[f"{one['p50_ms']:.3f}", f"{one['p99_ms']:.3f}"] for one in of_kind(rows, "lookup")]
    loads = [
        [str(one["workers"]), str(one["connections"]), str(one["think_ms"]), f"{one['rps']:,.0f}",
         f"{one['p50_ms']:.2f}", f"{one['p99_ms']:.2f}", str(one["errors"]), f"{one['cpu_ms']:.3f}", f"{one['other_cores']:.2f}", f"{one['recorded']:,} of {one['answers']:,}"]
        for one in of_kind(rows, "load")
    ]  # fmt: skip
    heads = [
        "workers",
        "connections",
        "each thinks for ms",
        "req/s",
        "p50 ms",
        "p99 ms",
        "errors",
        "server CPU ms / answer",
        "others' cores",
        "recorded",
    ]
    return [
        Table("`assay features load`", ["users", "seconds", "users / s", "peak RSS MB", "store MB"], loaded),
        Table("A lookup by key, one at a time, store open", ["p50 ms", "p99 ms"], looked),
        Table(f"GET /interests/{{user}}; the bar is a p99 of {BAR_MS:g} ms at 64 connections", heads, loads),
    ]


def _users(home: Path, folder: Path, count: int) -> tuple[Path, list[str]]:
    """A file with so many users, each with what one of the made-up users has read; and their ids."""
    assay = Assay.at(APPLICATION, home=home)
    try:
        made = [one.values for one in assay.features.page("users", limit=4_000)]
    finally:
        assay.close()
    draw = np.random.default_rng(5)
    ids = [str(UUID(bytes=draw.bytes(16), version=4)) for _ in range(count)]
    places = draw.integers(0, len(made), count)
    frame = pl.DataFrame({"id": ids} | {name: [made[place][name] for place in places] for name in made[0]})
    file = folder / "users.csv"
    frame.write_csv(file)
    return file, ids


def _load(file: Path, home: Path) -> Figures:
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    _run("features", "load", str(APPLICATION), "users", "--data", str(file), "--home", str(home))
    took = time.perf_counter() - began
    peak = max(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, before) / 1024
    return {"seconds": took, "rss_mb": peak, "store_mb": (home / "assay.db").stat().st_size / 1e6}


def _lookups(home: Path, ids: Sequence[str]) -> Figures:
    assay = Assay.at(APPLICATION, home=home)
    draw, took = np.random.default_rng(6), []
    try:
        for place in draw.integers(0, len(ids), LOOKED_UP):
            began = time.perf_counter()
            assay.features.find("users", ids[place])
            took.append(1000 * (time.perf_counter() - began))
    finally:
        assay.close()
    return {"p50_ms": float(np.percentile(took, 50)), "p99_ms": float(np.percentile(took, 99))}


def _served(subject: Subject, home: Path, ids: Sequence[str], workers: int) -> Iterator[Figures]:
    port, folder = free_port(), subject.folder
    paths = folder / "paths.txt"
    drawn = np.random.default_rng(7).integers(0, len(ids), ASKED)
    paths.write_text("".join(f"/interests/{ids[place]}\n" for place in drawn))
    command = [
        ASSAY, "serve", str(APPLICATION), "--home", str(home), "--port", str(port), "--workers", str(workers), "--drain-delay", "0",
    ]  # fmt: skip
    processes = Processes(command, folder=folder, environment=plain_environment())
    try:
        _wait(processes, f"http://127.0.0.1:{port}/interests/{ids[0]}")
        for connections, think_ms in LOADS:
            _wrk(paths, port, connections, subject.plan.warm_up)
            before = _recorded(home)
            cpu, machine, client = processes.cpu_s(), machine_cpu_s(), _client_cpu_s()
            told = _wrk(paths, port, connections, subject.plan.seconds, think_ms)
            cpu, machine, client = processes.cpu_s() - cpu, machine_cpu_s() - machine, _client_cpu_s() - client
            answers = told["requests"] - told["refused"]
            yield {
                "connections": connections, "think_ms": think_ms, "answers": answers,
                "errors": told["refused"] + told["broken"],
                "rps": answers / told["seconds"], "p50_ms": told["p50_ms"], "p99_ms": told["p99_ms"],
                "cpu_ms": 1000 * cpu / max(answers, 1), "recorded": _recorded(home) - before,
                "other_cores": max(0.0, machine - cpu - client) / told["seconds"],
            }  # fmt: skip
    finally:
        processes.end()


def _wrk(paths: Path, port: int, connections: int, seconds: int, think_ms: int = 0) -> Figures:
    command = [
        "wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s", "--timeout", "20s",
        "--script", str(SCRIPT), f"http://127.0.0.1:{port}/",
    ]  # fmt: skip
    ran = subprocess.run(
        command,
        env=os.environ | {"PATHS": str(paths), "THINK_MS": str(think_ms)},
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"^MEASURED (.*)$", ran.stdout, re.MULTILINE)
    if found is None:
        raise SystemExit(f"wrk failed: {ran.stdout[-1000:]} {ran.stderr[-1000:]}")
    told: Figures = json.loads(found[1])
    return told


def _wait(processes: Processes, url: str) -> None:
    until = time.monotonic() + STARTS_WITHIN_S
    while processes.alive and time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"The server did not start:\n{processes.log.read_text(errors='replace')[-2000:]}")


def _recorded(home: Path) -> int:
    connection = sqlite3.connect(home / "assay.db")
    try:
        return int(connection.execute("SELECT count(*) FROM predictions WHERE entity LIKE 'users/%'").fetchone()[0])
    finally:
        connection.close()


def _client_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _run(*command: str) -> None:
    ran = subprocess.run([ASSAY, *command], env=plain_environment(), capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SystemExit(f"assay {' '.join(command)} ended with status {ran.returncode}:\n{ran.stderr[-2000:]}")
