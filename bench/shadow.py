"""What a shadow costs the version that answers: the same server without and with one, in turns, while the shadow is asked."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import replace

from assay.app import Assay
from assay.releasing.experiment import Plan
from bench.load import load, need_wrk
from bench.results import Figures, Table, distinct, each, median, of_kind, ratios
from bench.servers import OURS, Running, Server, check, ours, running
from bench.subject import BOOSTED, MODEL, Subject, train

LEVELS = (1, 16)
AHEAD_S = 25  # of traffic before the measurement: a shadow is asked what is twenty seconds old
SHADOWED = f"{OURS}, with a shadow"
SOON = {"ASSAY_SHADOW_INTERVAL_S": "1", "ASSAY_LOOK_INTERVAL_S": "0.5"}
ASKED = "SELECT coalesce(sum(asked), 0) FROM shadows"


def measure(subject: Subject) -> Iterator[Figures]:
    """One row a load; both take turns, each started anew in every round with a record of the same length."""
    need_wrk()
    home = subject.folder / "shadowed"
    shutil.copytree(subject.home, home)
    train(BOOSTED, home, subject.data, "--no-promote")
    plain = replace(ours(subject, home=home), environment=SOON)
    for number in range(1, subject.plan.rounds + 1):
        for server in (plain, replace(plain, name=SHADOWED)):
            for row in _one(server, subject):
                yield {"round": number, "server": server.name, **row}


def tables(rows: list[Figures]) -> list[Table]:
    """Medians of the rounds, and the ratios within each round."""
    lines, compared = [], []
    for server in distinct(of_kind(rows, "load"), "server"):
        for connections in LEVELS:
            seen = of_kind(rows, "load", server=server, connections=connections)
            lines.append([
                server, str(connections), f"{median(seen, 'rps'):,.0f}", f"{median(seen, 'p50_ms'):.2f}",
                f"{median(seen, 'p99_ms'):.2f}", str(sum(row["errors"] for row in seen)),
                f"{median(seen, 'shadowed'):,.0f}", f"{median(seen, 'other_cores'):.2f}",
            ])  # fmt: skip
    for connections in LEVELS:
        with_, without = (of_kind(rows, "load", server=name, connections=connections) for name in (SHADOWED, OURS))
        for name in ("rps", "p50_ms", "p99_ms"):
            compared.append([name, str(connections), *each(ratios(with_, without, name))])
    heads = [
        "server",
        "connections",
        "req/s",
        "p50 ms",
        "p99 ms",
        "errors",
        "asked of the shadow meanwhile",
        "others' cores",
    ]
    return [
        Table("The primary without and with a shadow: medians of the rounds", heads, lines),
        Table("With a shadow over without", ["figure", "connections", "median", "each round"], compared),
    ]


def _one(server: Server, subject: Subject) -> Iterator[Figures]:
    bodies = [server.body(stone) for stone in subject.questions]
    with running(server, subject) as up:
        check(up, subject)
        if server.name == SHADOWED:
            _begin(up)
        load(up, bodies, LEVELS[-1], AHEAD_S)
        for connections in LEVELS:
            before = _asked(up)
            loaded = load(up, bodies, connections, subject.plan.seconds)
            yield {"kind": "load", **loaded.row(), "shadowed": _asked(up) - before}


def _begin(up: Running) -> None:
    """The newest version listens from now on."""
    assay = Assay.at(BOOSTED, home=up.folder / "home")
    try:
        main = assay.ruling(MODEL).version
        shadow = next(one.number for one in assay.versions.all(MODEL) if one.number != main and one.status == "ready")
        assay.experimenter.start(MODEL, Plan(shadows=(shadow,)), by="bench")
    finally:
        assay.close()


def _asked(up: Running) -> int:
    connection = sqlite3.connect(up.folder / "home" / "assay.db")
    try:
        return int(connection.execute(ASKED).fetchone()[0])
    finally:
        connection.close()
