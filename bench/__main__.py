"""`python -m bench [NAME ...]`: measures, prints tables, and keeps every figure in bench/results/."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from bench import bulk, databases, interests, items, latency, memory, serving, shadow, speech, tasks
from bench.install import place
from bench.results import Figures, Table, append, conditions, show, write_page
from bench.subject import Plan, Subject, bare, prepare

MEASURES: dict[str, Callable[[Subject], Iterator[Figures]]] = {
    "serving": serving.measure, "bulk": bulk.measure, "latency": latency.measure, "memory": memory.measure,
    "databases": databases.measure, "items": items.measure,
    "interests": interests.measure, "speech": speech.measure, "shadow": shadow.measure, "tasks": tasks.measure,
}  # fmt: skip
TABLES: dict[str, Callable[[list[Figures]], list[Table]]] = {
    "serving": serving.tables, "bulk": bulk.tables, "latency": latency.tables, "memory": memory.tables,
    "databases": databases.tables, "items": items.tables,
    "interests": interests.tables, "speech": speech.tables, "shadow": shadow.tables, "tasks": tasks.tables,
}  # fmt: skip
PAGE = "page"
OWN_MODEL = ("items", "interests", "speech")  # what needs no stones


def main() -> int:
    """Measures what is named, or everything; `page` renders the newest figures into the page instead."""
    told = _parser().parse_args()
    names = told.names or list(MEASURES)
    unknown = [name for name in names if name not in (*MEASURES, PAGE)]
    if unknown:
        print(f"There is no measurement {unknown[0]!r}; there are {', '.join(MEASURES)}, and {PAGE}.", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are ended too
    measured = [name for name in names if name != PAGE]
    if measured:
        fields = {name: value for name, value in vars(told).items() if name != "names"}
        _measure(measured, Plan(**fields))
    if PAGE in names:
        print(f"The page shows {', '.join(write_page(TABLES)) or 'nothing: nothing was measured'}.")
    return 0


def _measure(names: list[str], plan: Plan) -> None:
    place().mkdir(parents=True, exist_ok=True)
    # on a real disk, where a sync costs what it costs
    with tempfile.TemporaryDirectory(dir=place(), prefix="run-") as folder:
        print("Training ...", file=sys.stderr)
        subject = bare(Path(folder), plan) if set(names) <= set(OWN_MODEL) else prepare(Path(folder), plan)
        data = Path(os.environ["DATA"]).name if os.environ.get("DATA") else "made up"
        for name in names:
            run = time.strftime("%Y-%m-%dT%H:%M:%S")
            under = {"kind": "run", "run": run, **conditions(), "plan": asdict(plan), "data": data}
            rows: list[Figures] = []
            for row in MEASURES[name](subject):
                rows.append({"run": run, **row})
                print(" ".join(f"{key}={_short(value)}" for key, value in row.items()), file=sys.stderr, flush=True)
            append(name, [*rows, under])
            show(TABLES[name](rows))


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(MEASURES)} (all), or {PAGE}")
    counts = {
        "rounds": (3, "how often each server has its turn"), "seconds": (8, "length of a load"),
        "warm-up": (2, "seconds before it that do not count"), "rows": (1_000_000, "rows of the large file"),
        "trials": (100, "of the diamonds' tuned recipe"), "requests": (10_000, "before memory is looked at"),
        "starts": (5, "of each server"), "files": (100_000, "kept files of a minute each"),
        "recordings": (300, "real ones that a sweep goes through"),
    }  # fmt: skip
    for name, (usual, meaning) in counts.items():
        parser.add_argument(f"--{name}", type=int, default=usual, metavar="N", help=f"{meaning} ({usual})")
    return parser


if __name__ == "__main__":
    sys.exit(main())
