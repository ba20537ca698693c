"""One question at a time: ours beside the hand-written server, and every way of asking each recipe of the diamonds."""

from __future__ import annotations

import urllib.error
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from assay.app import Assay
from assay.app.learning import held_out
from assay.domain.version import Version
from assay.serving.predict import predict
from bench.load import load, need_wrk
from bench.results import Figures, Table, distinct, each, median, of_kind, ratios
from bench.servers import HANDWRITTEN, OURS, Running, check, ours, post, recording, running
from bench.subject import DIAMONDS, MODEL, Row, Subject, train

ASKED = 50
LIKE = ("cut", "color", "clarity", "carat")


def measure(subject: Subject) -> Iterator[Figures]:
    """One row a load on one connection."""
    need_wrk()
    plan = subject.plan
    pair = (ours(subject), recording(subject))
    for number in range(1, plan.rounds + 1):
        for server in pair:
            with running(server, subject) as up:
                check(up, subject)
                bodies = [server.body(stone) for stone in subject.questions]
                load(up, bodies, 1, plan.warm_up)
                yield {
                    "kind": "alone",
                    "round": number,
                    "server": server.name,
                    **load(up, bodies, 1, plan.seconds).row(),
                }
    yield from _recipes(subject)


def tables(rows: list[Figures]) -> list[Table]:
    """Medians of the rounds and their ratio; then a line a recipe."""
    seen = of_kind(rows, "alone")
    lines = [
        [server, f"{median(its, 'p50_ms'):.3f}", f"{median(its, 'p99_ms'):.3f}", str(sum(row["errors"] for row in its))]
        for server in distinct(seen, "server")
        if (its := of_kind(seen, "alone", server=server))
    ]
    mine, theirs = (of_kind(seen, "alone", server=server) for server in (OURS, HANDWRITTEN))
    kinds = distinct(of_kind(rows, "recipe"), "asked")
    recipes = [
        [recipe, *(f"{one[0]['p50_ms']:.2f} / {one[0]['p99_ms']:.2f}" if one[0]["errors"] == 0 else "errors"
                   for one in (of_kind(rows, "recipe", recipe=recipe, asked=kind) for kind in kinds))]
        for recipe in distinct(of_kind(rows, "recipe"), "recipe")
    ]  # fmt: skip
    return [
        Table("One connection: medians of the rounds", ["server", "p50 ms", "p99 ms", "errors"], lines),
        Table("Our p50 over theirs", ["server", "median", "each round"], [[HANDWRITTEN, *each(ratios(mine, theirs, "p50_ms"))]]),
        Table("One connection, by recipe: p50 / p99 ms", ["recipe", *kinds], recipes),
    ]  # fmt: skip


def _recipes(subject: Subject) -> Iterator[Figures]:
    home = subject.folder / "diamonds"
    train(DIAMONDS, home, subject.data, "--trials", str(subject.plan.trials))
    stones, versions = _trained(subject, home)
    with running(ours(stones, home=home, application=DIAMONDS), stones) as up:
        for version in versions:
            address = f"/v1/models/{MODEL}/versions/{version.number}"
            for kind, bodies in _bodies(up, address, stones.questions).items():
                load(up, bodies, 1, subject.plan.warm_up, path=f"{address}/{kind}")
                loaded = load(up, bodies, 1, subject.plan.seconds, path=f"{address}/{kind}")
                yield {"kind": "recipe", "recipe": version.recipe, "asked": kind, **loaded.row()}


def _trained(subject: Subject, home: Path) -> tuple[Subject, list[Version]]:
    """The diamonds as a subject: held-out stones, what the ruling version answers to them, and a version a recipe."""
    assay = Assay.at(DIAMONDS, home=home)
    try:
        model = assay.application.model(MODEL)
        ruling = assay.version(MODEL)
        fields = tuple(model.fields)
        rows = held_out(assay, model, ruling.dataset).select(fields).head(ASKED).to_dicts()
        loaded = assay.loader.load(ruling)
        prices = predict(loaded, [loaded.reader.take(row) for row in rows])
        ready = [version for version in assay.versions.all(MODEL) if version.status == "ready"]
    finally:
        assay.close()
    stones = replace(subject, home=home, fields=fields, questions=rows, prices=prices)
    return stones, sorted(ready, key=lambda version: version.number)


def _bodies(up: Running, address: str, questions: list[Row]) -> dict[str, list[Row]]:
    """What is asked of each address; of like stones only those that have any."""
    like = [{name: stone[name] for name in LIKE} for stone in questions]
    return {"predict": questions, "explain": questions, "similar": [one for one in like if _has_like(up, address, one)]}


def _has_like(up: Running, address: str, stone: Row) -> bool:
    try:
        post(up.url(f"{address}/similar"), stone)
    except urllib.error.HTTPError:
        return False
    return True
