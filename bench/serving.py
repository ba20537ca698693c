"""Serving under load: ours, with everything recorded, beside hand-written and other servers, in turns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.load import load, need_wrk
from bench.results import Figures, Table, distinct, each, median, of_kind, ratios
from bench.servers import HANDWRITTEN, OURS, Server, check, others, ours, running
from bench.subject import Subject

LEVELS = (1, 16, 64)
CROWDS = (48, 100, 256)
CROWDED_WORKERS = 2


def measure(subject: Subject) -> Iterator[Figures]:
    """One row a load and one a start; the servers take turns, each started anew in every round."""
    need_wrk()
    turns = [(server, LEVELS) for server in (ours(subject), *others(subject))]
    turns.append((ours(subject, workers=CROWDED_WORKERS), CROWDS))
    for number in range(1, subject.plan.rounds + 1):
        for server, levels in turns:
            for row in _one(server, subject, levels):
                yield {"round": number, "server": server.name, "workers": server.workers, **row}


def tables(rows: list[Figures]) -> list[Table]:
    """Medians of the rounds, ratios within each round, and what was recorded."""
    return [_loads(rows, workers=1), *_ratios(rows), _loads(rows, workers=CROWDED_WORKERS), _records(rows)]


def _one(server: Server, subject: Subject, levels: Sequence[int]) -> Iterator[Figures]:
    bodies = [server.body(stone) for stone in subject.questions]
    plan = subject.plan
    with running(server, subject) as up:
        counted = 1 + check(up, subject)
        for connections in levels:
            warm = load(up, bodies, connections, plan.warm_up)
            loaded = load(up, bodies, connections, plan.seconds)
            rss, pss = up.processes.memory_mb()
            counted += warm.answers + loaded.answers
            yield {"kind": "load", **loaded.row(), "rss_mb": rss, "pss_mb": pss}
        folder = up.folder
    found = {"kind": "start", "cold_start_s": up.cold_start_s, "counted": counted, "recorded": server.recorded(folder)}
    yield found
    lost = {name: kept for name, kept in server.recorded(folder).items() if kept < counted}
    if lost:
        raise SystemExit(f"{server.name} has answered {counted} questions and recorded {lost}.")


def _loads(rows: list[Figures], *, workers: int) -> Table:
    lines = []
    for server in distinct(of_kind(rows, "load", workers=workers), "server"):
        cold = median(of_kind(rows, "start", server=server), "cold_start_s")
        for connections in distinct(of_kind(rows, "load", server=server), "connections"):
            seen = of_kind(rows, "load", server=server, connections=connections)
            spread = max(row["p99_ms"] / row["p50_ms"] for row in seen)
            lines.append([
                server, str(connections), f"{median(seen, 'rps'):,.0f}", f"{median(seen, 'p50_ms'):.2f}",
                f"{median(seen, 'p99_ms'):.2f}", f"{spread:.1f}", str(sum(row["errors"] for row in seen)),
                f"{median(seen, 'cpu_ms'):.3f}", f"{median(seen, 'rss_mb'):.0f} ({median(seen, 'pss_mb'):.0f})",
                f"{cold:.2f}", f"{median(seen, 'other_cores'):.2f}",
            ])  # fmt: skip
    heads = [
        "server", "connections", "req/s", "p50 ms", "p99 ms", "p99 / p50, worst", "errors", "server CPU ms / answer",
        "RSS MB (PSS)", "cold start s", "others' cores",
    ]  # fmt: skip
    return Table(f"{workers} worker{'s' if workers > 1 else ''}: medians of the rounds", heads, lines)


def _ratios(rows: list[Figures]) -> list[Table]:
    lines = []
    for connections in LEVELS:
        mine = of_kind(rows, "load", server=OURS, connections=connections)
        for server in distinct(of_kind(rows, "load", workers=1), "server"):
            if server != OURS:
                its = of_kind(rows, "load", server=server, connections=connections)
                lines.append([server, str(connections), *each(ratios(mine, its, "rps"))])
    faster = Table("Our req/s over theirs", ["server", "connections", "median", "each round"], lines)
    mine = of_kind(rows, "load", server=OURS, connections=1)
    its = of_kind(rows, "load", server=HANDWRITTEN, connections=1)
    quicker = [[HANDWRITTEN, *each(ratios(mine, its, "p50_ms"))]]
    return [faster, Table("Our p50 over theirs, one connection", ["server", "median", "each round"], quicker)]


def _records(rows: list[Figures]) -> Table:
    lines = []
    for row in of_kind(rows, "start"):
        kept = row["recorded"] or {"nothing": 0}
        lines += [[row["server"], str(row["round"]), f"{row['counted']:,}", name, f"{n:,}"] for name, n in kept.items()]
    heads = ["server", "round", "answers counted", "table", "rows recorded"]
    return Table("Answers counted by the clients, and rows found afterwards", heads, lines)
