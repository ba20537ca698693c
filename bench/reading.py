"""`python -m bench.reading`: how long a page of the record takes in a record of ten million rows, over HTTP, on both databases."""

from __future__ import annotations

import argparse
import http.client
import json
import random
import shutil
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from assay.clock import iso
from assay.store.databases import open_database
from assay.store.paging import cursor_of, first_id
from bench.filling import DAYS, SELDOM, fill
from bench.processes import Processes
from bench.results import Table, append, conditions, show
from bench.subject import ASSAY, BOOSTED, plain_environment

BYTES_A_ROW = 1_500  # of both tables with their indexes, and as much again as a log may hold
STARTS_WITHIN_S = 60.0
COMMON = "diamond-price"
Asked = dict[str, object]


@dataclass(frozen=True)
class Up:
    """A server that answers, and a connection to it that stays."""

    name: str
    connection: http.client.HTTPConnection
    exchanges: list[str]

    def get(self, path: str, asked: Asked) -> tuple[float, dict[str, Any]]:
        """How many milliseconds an answer took, and what it says."""
        began = time.perf_counter()
        self.connection.request("GET", f"{path}?{urlencode(asked)}")
        answer = self.connection.getresponse()
        body = answer.read()
        took_ms = 1000 * (time.perf_counter() - began)
        if answer.status != 200:
            raise SystemExit(f"{self.name} answers {answer.status} to {path} {asked}: {body[:300]!r}")
        return took_ms, json.loads(body)


def main() -> int:
    """Fills, serves, asks and prints."""
    told = _parser().parse_args()
    until = time.time_ns() // 1000
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=told.folder, prefix="reading-")))
        free = shutil.disk_usage(folder).free
        if free < told.rows * BYTES_A_ROW * (2 if told.postgresql else 1):
            raise SystemExit(f"{folder} has {free / 1e9:.0f} GB free, which is too little for {told.rows:,} rows.")
        where: dict[str, Path | str] = {"sqlite": folder / "sqlite" / "assay.db"}
        if told.postgresql:
            where["postgresql"] = told.postgresql
        for place in where.values():
            database = open_database(place)
            fill(database, told.rows, until)
            database.close()
        servers = [stack.enter_context(_serving(name, place, folder)) for name, place in where.items()]
        rows = list(_measured(servers, told.times, until))
    append(
        "reading",
        [
            *rows,
            {
                "kind": "run",
                "run": rows[0]["run"],
                **conditions(),
                "plan": {"rows": told.rows, "times": told.times},
                "data": "made up",
            },
        ],
    )
    show([_table(rows, list(where))])
    return 0


def _measured(servers: list[Up], times: int, until: int) -> Iterator[dict[str, Any]]:
    """One row a filter and server; the servers take turns with every question."""
    run = time.strftime("%Y-%m-%dT%H:%M:%S")
    for name, (path, filter_) in _filters(until).items():
        took: dict[str, list[float]] = {server.name: [] for server in servers}
        found = dict.fromkeys(took, 0)
        draw = random.Random(name)
        for _ in range(times):
            for server in servers:
                took_ms, page = server.get(path, filter_(draw, server))
                took[server.name].append(took_ms)
                found[server.name] += len(page["results"])
        for server in servers:
            figures = sorted(took[server.name])
            p99 = figures[min(int(0.99 * times), times - 1)]
            row = {"p50_ms": statistics.median(figures), "p99_ms": p99, "worst_ms": figures[-1]}
            print(name, server.name, {key: round(value, 2) for key, value in row.items()}, file=sys.stderr, flush=True)
            yield {"kind": "page", "run": run, "server": server.name, "filter": name, **row,
                   "entries": found[server.name] / times}  # fmt: skip


def _filters(until: int) -> dict[str, tuple[str, Callable[[random.Random, Up], Asked]]]:
    """What is asked, by the name of its line; moments, versions and exchanges are drawn anew for each question."""
    began = until - DAYS * 86_400_000_000

    def moment(draw: random.Random) -> int:
        return draw.randrange(began, until)

    def cursor(draw: random.Random) -> Asked:
        return {"cursor": cursor_of(first_id(moment(draw)))}

    predictions: dict[str, Callable[[random.Random, Up], Asked]] = {
        "none": lambda _draw, _up: {},
        "cursor": lambda draw, _up: cursor(draw),
        "since": lambda draw, _up: {"since": iso(moment(draw))},
        "until": lambda draw, _up: {"until": iso(moment(draw))},
        "model, often asked": lambda _draw, _up: {"model": COMMON},
        "model, seldom asked": lambda _draw, _up: {"model": SELDOM},
        "model, unknown": lambda _draw, _up: {"model": "nothing"},
        "version": lambda draw, _up: {"version": draw.randint(1, 14)},
        "role answer": lambda _draw, _up: {"role": "answer"},
        "role rescore": lambda _draw, _up: {"role": "rescore"},
        "exchange, one question": lambda draw, up: {"exchange": draw.choice(up.exchanges)},
        "model and cursor": lambda draw, _up: {"model": "house-price"} | cursor(draw),
        "model, version and until": lambda draw, _up: {"model": COMMON, "version": 3, "until": iso(moment(draw))},
        "role and since": lambda draw, _up: {"role": "shadow", "since": iso(moment(draw))},
        "role, 1,000 entries": lambda _draw, _up: {"role": "rescore", "limit": 1_000},
    }
    exchanges: dict[str, Callable[[random.Random, Up], Asked]] = {
        "none": lambda _draw, _up: {},
        "cursor": lambda draw, _up: cursor(draw),
        "since": lambda draw, _up: {"since": iso(moment(draw))},
        "until": lambda draw, _up: {"until": iso(moment(draw))},
        "status 200": lambda _draw, _up: {"status": 200},
        "status 422": lambda _draw, _up: {"status": 422},
        "status 500 and cursor": lambda draw, _up: {"status": 500} | cursor(draw),
        "status 204, never": lambda _draw, _up: {"status": 204},
        "method": lambda _draw, _up: {"method": "GET"},
        "path": lambda draw, _up: {"path": "/v1/models/car-price/predict"} | cursor(draw),
        "path, unknown": lambda draw, _up: {"path": "/nowhere"} | cursor(draw),
    }
    made = {f"predictions: {name}": ("/v1/predictions", one) for name, one in predictions.items()}
    return made | {f"exchanges: {name}": ("/v1/exchanges", one) for name, one in exchanges.items()}


@contextmanager
def _serving(name: str, where: Path | str, folder: Path) -> Iterator[Up]:
    home = folder / name
    home.mkdir(exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [ASSAY, "serve", str(BOOSTED), "--home", str(home), "--port", str(port), "--drain-delay", "0"]
    told = [] if isinstance(where, Path) else ["--database", where]
    processes = Processes([*command, *told], folder=home, environment=plain_environment())
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        _wait(connection, processes)
        up = Up(name, connection, [])
        draw = random.Random(name)
        for _ in range(100):
            at = time.time_ns() // 1000 - draw.randrange(3_600_000_000, (DAYS - 1) * 86_400_000_000)
            page = up.get("/v1/predictions", {"limit": 1, "cursor": cursor_of(first_id(at))})[1]
            up.exchanges.append(page["results"][0]["exchange"])
        yield up
    finally:
        connection.close()
        processes.end()


def _wait(connection: http.client.HTTPConnection, processes: Processes) -> None:
    until = time.monotonic() + STARTS_WITHIN_S
    while processes.alive and time.monotonic() < until:
        try:
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            return
        except (OSError, http.client.HTTPException):
            connection.close()
            time.sleep(0.05)
    raise SystemExit(f"The server did not start:\n{processes.log.read_text(errors='replace')[-2000:]}")


def _table(rows: list[dict[str, Any]], names: list[str]) -> Table:
    lines = []
    for filter_ in dict.fromkeys(row["filter"] for row in rows):
        its = {row["server"]: row for row in rows if row["filter"] == filter_}
        figures = [f"{its[name][key]:.1f}" for name in names for key in ("p50_ms", "p99_ms")]
        lines.append([filter_, f"{its[names[0]]['entries']:.0f}", *figures])
    heads = [f"{name} {key} ms" for name in names for key in ("p50", "p99")]
    return Table("A page of the record over HTTP", ["asked for", "entries", *heads], lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.reading", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, metavar="N", help="of each table (10,000,000)")
    parser.add_argument("--times", type=int, default=200, metavar="N", help="how often each page is asked for (200)")
    parser.add_argument("--postgresql", metavar="URL", help="an empty database; without it SQLite alone is measured")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where the temporary folder is made")
    return parser


if __name__ == "__main__":
    sys.exit(main())
