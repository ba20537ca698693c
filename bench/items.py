"""Kept files: how long readers wait at a hundred thousand of them on both databases, and what a sweep costs besides its model."""

from __future__ import annotations

import http.client
import io
import json
import os
import random
import shutil
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from assay.app import Assay
from assay.app.items.outlook import Outlook
from assay.app.items.sweeping import Sweeping
from assay.clock import new_ids, now_us
from assay.domain.items.item import Item
from assay.serving.predict import SECONDS_AT_ONCE, listen
from assay.store.databases import open_database
from assay.store.items import items
from bench import kept
from bench.processes import Processes, machine_cpu_s
from bench.results import Figures, Table, distinct, median, of_kind
from bench.subject import ASSAY, ROOT, Subject, plain_environment, train
from tests.postgres import Cluster, PostgresMissing

APPLICATION = ROOT / "bench" / "apps" / "kept"
SECONDS, MODEL = 60, "digits"
MOST_ASKS = 2_000
STARTS_WITHIN_S = 60.0
BARS_MS = {"latest scores": 10.0, "a list page": 20.0}
BAR = 0.05  # of a sweep's own share
ITEMS_AT_ONCE = 16


@dataclass(frozen=True)
class Up:
    """A server that answers, and a connection to it that stays."""

    name: str
    connection: http.client.HTTPConnection
    processes: Processes

    def get(self, path: str) -> tuple[float, bytes]:
        """How many milliseconds an answer took, and what it says."""
        began = time.perf_counter()
        self.connection.request("GET", path)
        answer = self.connection.getresponse()
        body = answer.read()
        took_ms = 1000 * (time.perf_counter() - began)
        if answer.status != 200:
            raise SystemExit(f"{self.name} answers {answer.status} to {path}: {body[:300]!r}")
        return took_ms, body


def measure(subject: Subject) -> Iterator[Figures]:
    """One row a kind of reading and server, which take turns with every question; then one a round of a sweep."""
    speech = recordings()
    trained, home = subject.folder / "trained", subject.folder / "kept"
    train(APPLICATION, trained, speech)
    shutil.copytree(trained, home)
    with ExitStack() as stack:
        places: dict[str, Path | str] = {"sqlite": home}
        try:
            cluster = Cluster(shared_buffers="128MB", max_wal_size="1GB")
            stack.callback(cluster.close)
            places["postgresql"] = cluster.create()
            train(APPLICATION, subject.folder / "kept-postgresql", speech, "--database", str(places["postgresql"]))
        except PostgresMissing as missing:
            print(f"PostgreSQL is left out: {missing}", file=sys.stderr)
        labels = _filled(places, subject.plan.files)
        servers = [stack.enter_context(_serving(name, place, subject.folder)) for name, place in places.items()]
        yield from _read(servers, subject.plan.files, min(subject.plan.requests, MOST_ASKS), len(labels))
    for number in range(1, subject.plan.rounds + 1):
        yield {"round": number, **_sweep(subject.folder / f"swept-{number}", trained, speech, subject.plan.recordings)}


def tables(rows: list[Figures]) -> list[Table]:
    """Readings by server, each with its bar, and the sweep's rounds."""
    lines = []
    for asked in distinct(of_kind(rows, "reading"), "asked"):
        for row in of_kind(rows, "reading", asked=asked):
            met = "yes" if row["p99_ms"] < row["bar_ms"] else "no"
            figures = [f"{row[name]:.2f}" for name in ("p50_ms", "p99_ms", "worst_ms")]
            spent = [f"{row['cpu_ms']:.2f}", f"{row['other_cores']:.2f}"]
            lines.append([asked, row["server"], f"{row['files']:,}", *figures, f"{row['bar_ms']:g}", met, *spent])
    heads = [
        "asked for", "server", "files", "p50 ms", "p99 ms", "worst ms", "bar ms", "met", "server CPU ms / answer",
        "others' cores",
    ]  # fmt: skip
    swept = [
        [
            str(row["round"]), f"{row['items']:,}", f"{row['audio_s']:,.0f}", f"{row['alone_s']:.2f}", f"{row['model_s']:.2f}",
            f"{row['scoring_s']:.2f}", f"{row['sweep_s']:.2f}", f"{100 * row['over_scoring']:.1f} %",
            f"{100 * row['over_model']:.1f} %",
        ]
        for row in of_kind(rows, "sweep")
    ]  # fmt: skip
    rounds = of_kind(rows, "sweep")
    said = " and ".join(f"{100 * median(rounds, name):.1f} %" for name in ("over_scoring", "over_model"))
    title = f"A sweep over real recordings: its own share, of which {100 * BAR:g} % are the bar, is {said} (medians)"
    told = [
        "round", "files", "seconds heard", "model alone s", "model within the sweep s", "scoring s", "sweep s",
        "scoring over model", "sweep over model",
    ]  # fmt: skip
    return [Table("Kept files over HTTP, each answer recorded and synced", heads, lines), Table(title, told, swept)]


def recordings() -> Path:
    """The folder at $RECORDINGS that holds recordings and their utterances.csv, or the one beside the repository."""
    named = os.environ.get("RECORDINGS")
    found = Path(named) if named else ROOT.parent / "shared" / "data" / "digits"
    if not (found / "utterances.csv").is_file():
        raise SystemExit(f"{found} holds no utterances.csv: say RECORDINGS=FOLDER.")
    return found


def _filled(places: dict[str, Path | str], files: int) -> Sequence[str]:
    labels: Sequence[str] = ()
    for place in places.values():
        database = open_database(place / "assay.db" if isinstance(place, Path) else place)
        assay = Assay.at(APPLICATION, home=places["sqlite"])
        labels = tuple(assay.application.model(MODEL).labels)
        assay.close()
        kept.fill(database, files, model=MODEL, labels=labels, seconds=SECONDS)
        database.close()
    return labels


def _read(servers: Sequence[Up], files: int, asks: int, labels: int) -> Iterator[Figures]:
    base = f"/v1/items/{kept.COLLECTION}"
    draw = random.Random(11)
    kinds: dict[str, Callable[[], str]] = {
        "latest scores": lambda: f"{base}/{kept.name(draw.randrange(files))}/scores",
        "a list page": lambda: f"{base}?prefix=recording_{draw.randrange(files) // 1000:04d}",
    }
    for asked, path in kinds.items():
        took: dict[str, list[float]] = {server.name: [] for server in servers}
        body = b""
        used, machine, own, since = _cpu_s(servers), machine_cpu_s(), time.process_time(), time.perf_counter()
        for _ in range(asks):
            told = path()
            for server in servers:
                took_ms, body = server.get(told)
                took[server.name].append(took_ms)
        _check(asked, body, labels)
        used = {name: after - used[name] for name, after in _cpu_s(servers).items()}
        known = sum(used.values()) + time.process_time() - own
        others = max(0.0, machine_cpu_s() - machine - known) / (time.perf_counter() - since)
        for server in servers:
            figures = sorted(took[server.name])
            yield {
                "kind": "reading", "asked": asked, "server": server.name, "files": files,
                "p50_ms": statistics.median(figures), "p99_ms": figures[int(0.99 * (len(figures) - 1))],
                "worst_ms": figures[-1], "bar_ms": BARS_MS[asked], "bytes": len(body),
                "cpu_ms": 1000 * used[server.name] / asks, "other_cores": others,
            }  # fmt: skip


def _cpu_s(servers: Sequence[Up]) -> dict[str, float]:
    return {server.name: server.processes.cpu_s() for server in servers}


def _check(asked: str, body: bytes, labels: int) -> None:
    """Ends the program where the last answer is not whole."""
    told = json.loads(body)
    count = len(told["results"][0]["confidences"]) if asked == "latest scores" else len(told["results"])
    if count != (SECONDS * labels if asked == "latest scores" else 100):
        raise SystemExit(f"{asked}: an answer holds {count} entries: {body[:300]!r}")


def _sweep(home: Path, trained: Path, speech: Path, count: int) -> Figures:
    """A fresh home's first sweep over recordings that are all different, and the same recordings asked without it."""
    shutil.copytree(trained, home)
    assay = Assay.at(APPLICATION, home=home)
    try:
        made = list(_kept(assay, speech, count))
        with assay.database.writing() as connection:
            for one in made:
                items.add(connection, one)
        alone_s = _alone(assay, made)
        Outlook(assay).models()
        began = time.perf_counter()
        came = Sweeping(assay, MODEL, _Silent(), budget_s=None).run()
        sweep_s = time.perf_counter() - began
        swept = assay.sweeps.newest(kept.COLLECTION, MODEL, 1)
        if swept is None or came["scored"] != count:
            raise SystemExit(f"The sweep came to {came}.")
    finally:
        assay.close()
    model_s, scoring_s = swept.took_us / 1e6, swept.spent_us / 1e6
    return {
        "kind": "sweep", "items": count, "audio_s": sum(one.sound.frames // one.sound.rate for one in made),
        "alone_s": alone_s, "model_s": model_s, "scoring_s": scoring_s, "sweep_s": sweep_s,
        "over_scoring": scoring_s / model_s - 1, "over_model": sweep_s / model_s - 1,
    }  # fmt: skip


def _kept(assay: Assay, speech: Path, count: int) -> Iterator[Item]:
    """Recordings in turn, each time a little quieter, so that no two are the same bytes."""
    files = sorted(speech.glob("*.flac")) or sorted(speech.glob("*.wav"))
    for place, id in enumerate(new_ids(count)):
        samples, rate = soundfile.read(files[place % len(files)], dtype="float32")
        out = io.BytesIO()
        soundfile.write(out, samples * np.float32(0.999 ** (1 + place // len(files))), rate, format="FLAC")
        digest = assay.artifacts.put(out.getvalue())
        sound = assay.sounds.examine(assay.artifacts.path(digest))
        yield Item(
            id=id,
            at=now_us(),
            collection=kept.COLLECTION,
            name=kept.name(place),
            digest=digest,
            size=out.tell(),
            sound=sound,
        )


def _alone(assay: Assay, made: Sequence[Item]) -> float:
    """Seconds that the model alone takes: everything is decoded before, nothing kept after."""
    version = assay.loader.load(assay.version(MODEL))
    field = version.contract.fields["audio"]
    windows = [assay.sounds.windows(one.digest, field) for one in made]
    began = time.perf_counter()
    batch: list[Any] = []
    for one in windows:
        batch.append(one)
        if sum(map(len, batch)) >= SECONDS_AT_ONCE or len(batch) >= ITEMS_AT_ONCE:
            listen(version, batch)
            batch = []
    if batch:
        listen(version, batch)
    return time.perf_counter() - began


class _Silent:
    def at(self, stage: str, done: int, total: int) -> None:
        """Nobody listens."""

    def say(self, line: str) -> None:
        """Nobody listens."""


@contextmanager
def _serving(name: str, place: Path | str, folder: Path) -> Iterator[Up]:
    home = place if isinstance(place, Path) else folder / "kept-postgresql"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [ASSAY, "serve", str(APPLICATION), "--home", str(home), "--port", str(port), "--drain-delay", "0"]
    told = [] if isinstance(place, Path) else ["--database", place]
    processes = Processes([*command, *told], folder=home, environment=plain_environment())
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        _wait(connection, processes)
        yield Up(name, connection, processes)
    finally:
        connection.close()
        processes.end()


def _wait(connection: http.client.HTTPConnection, processes: Processes) -> None:
    until = time.monotonic() + STARTS_WITHIN_S
    while processes.alive and time.monotonic() < until:
        try:
            connection.request("GET", "/readyz")
            if (answer := connection.getresponse()).read() and answer.status == 200:
                return
        except (OSError, http.client.HTTPException):
            connection.close()
        time.sleep(0.1)
    raise SystemExit(f"The server did not get ready:\n{processes.log.read_text(errors='replace')[-2000:]}")
