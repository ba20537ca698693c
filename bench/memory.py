"""Memory after many requests, and the time from a start to the first right answer, beside the hand-written server."""

from __future__ import annotations

from collections.abc import Iterator

from bench.load import load, need_wrk
from bench.results import Figures, Table, distinct, each, median, of_kind, ratios
from bench.servers import HANDWRITTEN, OURS, Server, ours, recording, running
from bench.subject import Subject

CONNECTIONS = 16


def measure(subject: Subject) -> Iterator[Figures]:
    """One row a start, the servers in turns, and one a server after its requests; a first start warms the files."""
    need_wrk()
    pair = (ours(subject), recording(subject))
    for number in range(subject.plan.starts + 1):
        for server in pair:
            with running(server, subject) as up:
                rss, pss = up.processes.memory_mb()
            if number:
                yield {
                    "kind": "start", "round": number, "server": server.name, "cold_start_s": up.cold_start_s,
                    "rss_mb": rss, "pss_mb": pss,
                }  # fmt: skip
    for server in pair:
        yield {"kind": "memory", "round": 1, "server": server.name, **_after(server, subject)}


def tables(rows: list[Figures]) -> list[Table]:
    """A line a server, and the ratio of the starts."""
    lines = []
    for server in distinct(of_kind(rows, "start"), "server"):
        starts, (after,) = of_kind(rows, "start", server=server), of_kind(rows, "memory", server=server)
        told = [
            f"{median(starts, 'cold_start_s'):.2f}", f"{median(starts, 'rss_mb'):.0f} ({median(starts, 'pss_mb'):.0f})",
            f"{after['answers']:,}", f"{after['rss_mb']:.0f} ({after['pss_mb']:.0f})",
        ]  # fmt: skip
        lines.append([server, *told])
    mine, theirs = (of_kind(rows, "start", server=server) for server in (OURS, HANDWRITTEN))
    heads = ["server", "cold start s, median", "RSS MB (PSS) at first answer", "requests", "RSS MB (PSS) after them"]
    started = [[HANDWRITTEN, *each(ratios(mine, theirs, "cold_start_s"))]]
    return [
        Table("Memory and cold start", heads, lines),
        Table("Our cold start over theirs", ["server", "median", "each start"], started),
    ]


def _after(server: Server, subject: Subject) -> Figures:
    bodies = [server.body(stone) for stone in subject.questions]
    with running(server, subject) as up:
        answers = 0
        while answers < subject.plan.requests:
            more = load(up, bodies, CONNECTIONS, 1)
            if not more.answers:
                raise SystemExit(f"{server.name} answers no more.")
            answers += more.answers
        rss, pss = up.processes.memory_mb()
    return {"answers": answers, "rss_mb": rss, "pss_mb": pss}
