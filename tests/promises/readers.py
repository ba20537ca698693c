"""Readers that ask for the scores of kept items all the time, and hold every answer against what they were told before."""

from __future__ import annotations

import http.client
import json
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from tests import stamped

LABELS = 3
LOUDNESS = 1e-3  # how near the second label is to the recording's loudness
Say = Callable[[str], None]


@dataclass
class Seen:
    """What one reader was given of an item last."""

    item: str
    decision: int
    version: int
    run: int


@dataclass
class Reader(threading.Thread):
    """Asks for one item after the other, in an order of its own, until it is told to stop.

    `port` says where the server is now, and is 0 while there is none. Where `rising`, versions only ever rise.
    """

    port: Callable[[], int]
    names: Callable[[], Sequence[str]]
    seed: int = 0
    rising: bool = False
    reads: int = 0
    versions: set[int] = field(default_factory=set)
    violations: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self._over = threading.Event()
        self._seen: dict[str, Seen] = {}

    def __hash__(self) -> int:
        return id(self)

    def stop(self) -> None:
        """No more."""
        self._over.set()
        self.join(30)

    def run(self) -> None:
        """Until it is told to stop."""
        draw = random.Random(self.seed)
        while not self._over.is_set():
            port = self.port()
            if not port:
                self._over.wait(0.05)
                continue
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=15)) as connection:
                try:
                    while not self._over.is_set() and port == self.port():
                        self._ask(connection, draw.choice(self.names()))
                except (OSError, http.client.HTTPException):  # the server was killed
                    self._over.wait(0.05)

    def _ask(self, connection: http.client.HTTPConnection, name: str) -> None:
        connection.request("GET", f"/v1/items/{stamped.COLLECTION}/{name}/scores")
        answer = connection.getresponse()
        body = answer.read()
        if answer.status == 200:
            self.reads += 1
            self.check(name, json.loads(body))
        elif answer.status not in (404, 503):  # deleted; the store or the process is on its way up
            self.violations.append(f"{name}: {answer.status} {body[:200]!r}")

    def check(self, name: str, told: Mapping[str, Any]) -> None:
        """Holds one answer against the item's seconds, its version's stamp, and what was given before."""
        before = self._seen.get(name)
        before = before if before is not None and before.item == told["item"] else None
        results = told["results"]
        if not results:
            if before is not None:
                self.violations.append(f"{name}: nothing is given, and version {before.version} was")
            return
        (one,) = results
        self.violations += [f"{name}: {said}" for said in _faults(name, told, one)]
        now = Seen(told["item"], one["decision"] or 0, one["version"], one["run"])
        if before is not None and (now.decision, now.run) < (before.decision, before.run):
            self.violations.append(f"{name}: went back from {before} to {now}")
        if self.rising and before is not None and now.version < before.version:
            self.violations.append(f"{name}: went back from version {before.version} to {now.version}")
        self._seen[name] = now
        self.versions.add(now.version)


def _faults(name: str, told: Mapping[str, Any], one: Mapping[str, Any]) -> list[str]:
    """In what a set is not complete, or not of its one version and its own recording."""
    seconds, confidences = told["duration"], one["confidences"]
    places = {(entry["label"], entry["second"]) for entry in confidences}
    found = []
    if one["seconds"] != seconds or len(confidences) != seconds * LABELS or len(places) != len(confidences):
        found.append(
            f"{len(confidences)} confidences of {seconds} seconds and {LABELS} labels, version {one['version']}"
        )
    stamps = {entry["confidence"] for entry in confidences if entry["label"] == "low"}
    if stamps != {round(stamped.stamp(one["version"]), 6)}:
        found.append(f"version {one['version']} says {stamps}")
    loud = stamped.loudness(int(name.removeprefix("tone_").removesuffix(".wav")))
    if any(abs(entry["confidence"] - loud) > LOUDNESS for entry in confidences if entry["label"] == "middle"):
        found.append("the confidences are those of another recording")
    return found
