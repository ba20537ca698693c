"""Proof of a switch: real questions asked of the running server before, during and after it, and every answer checked."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import msgspec

from assay.clock import ticks_us
from assay.domain.answer import Answer

CONNECTIONS = 4
PAUSE_S = 0.005  # 4 connections make some hundreds of requests a second
TOLERANCE = 1e-6
MOST_TOLD = 10


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What was seen: `longest_gap_ms` is the longest time in which no connection got an answer."""

    requests: int
    failures: int
    mixed: int
    longest_gap_ms: float
    slowest_ms: float
    versions: dict[int, int]
    trouble: list[str]

    @property
    def holds(self) -> bool:
        """Whether nothing failed and nothing was mixed."""
        return self.requests > 0 and not self.failures and not self.mixed

    def sentence(self) -> str:
        """The report in one sentence."""
        seen = ", ".join(f"{count:,} by version {number}" for number, count in sorted(self.versions.items()))
        return (
            f"{self.requests:,} requests, {self.failures} failed, {self.mixed} mixed; answers: {seen or 'none'};"
            f" longest gap {self.longest_gap_ms:.1f} ms, slowest answer {self.slowest_ms:.1f} ms"
        )


@dataclass
class _Seen:
    answered: list[tuple[int, int]] = field(default_factory=list)  # when it ended, how long it took
    versions: Counter[int] = field(default_factory=Counter)
    failures: int = 0
    mixed: int = 0
    trouble: list[str] = field(default_factory=list)


def body_of(questions: Sequence[Mapping[str, Any]]) -> bytes:
    """What is asked in each request, by which requests of a proof are known in the record."""
    return msgspec.json.encode(list(questions))


class Prober:
    """Asks one list of questions over and over. `right` holds what each version answers to them, by its number."""

    def __init__(
        self, url: str, model: str, questions: Sequence[Mapping[str, Any]], right: dict[int, list[Answer]]
    ) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._path = f"/v1/models/{model}/predict"
        self._body = body_of(questions)
        self._right = right
        self._stopping = threading.Event()

    def during(self, switch: Callable[[], Any], *, before_s: float = 1.0, after_s: float = 1.5) -> tuple[Any, Proof]:
        """Asks for a while, switches, asks for a while more; what the switch returned, and what was seen."""
        seen = [_Seen() for _ in range(CONNECTIONS)]
        threads = [threading.Thread(target=self._ask_on, args=(one,), daemon=True) for one in seen]
        for thread in threads:
            thread.start()
        try:
            time.sleep(before_s)
            decided = switch()
            time.sleep(after_s)
        finally:
            self._stopping.set()
            for thread in threads:
                thread.join(10)
        return decided, _proof(seen)

    def _ask_on(self, seen: _Seen) -> None:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=10)
        while not self._stopping.is_set():
            began = ticks_us()
            try:
                connection.request("POST", self._path, self._body, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                self._judge(seen, answer.status, answer.read())
                seen.answered.append((ticks_us(), ticks_us() - began))
            except (OSError, http.client.HTTPException) as failed:
                seen.failures += 1
                seen.trouble.append(f"{type(failed).__name__}: {failed}")
                connection.close()
            time.sleep(PAUSE_S)
        connection.close()

    def _judge(self, seen: _Seen, status: int, body: bytes) -> None:
        if status != 200:
            seen.failures += 1
            seen.trouble.append(f"status {status}: {body[:200].decode(errors='replace')}")
            return
        answers = msgspec.json.decode(body)
        numbers = {one["version"] for one in answers}
        number = numbers.pop()
        seen.versions[number] += 1
        right = self._right.get(number, [])
        same = len(right) == len(answers) and all(
            _same(one["prediction"], value) for one, value in zip(answers, right, strict=True)
        )
        if numbers or not same:
            seen.mixed += 1
            seen.trouble.append(f"an answer that names version {number} is not wholly its own")


def _same(given: Answer, right: Answer) -> bool:
    if isinstance(given, float) and isinstance(right, float):
        return abs(given - right) <= TOLERANCE * max(1.0, abs(right))
    return bool(given == right)


def _proof(seen: list[_Seen]) -> Proof:
    ends = sorted(end for one in seen for end, _ in one.answered)
    gaps = [later - earlier for earlier, later in pairwise(ends)]
    versions = sum((one.versions for one in seen), Counter[int]())
    return Proof(
        requests=len(ends) + sum(one.failures for one in seen),
        failures=sum(one.failures for one in seen),
        mixed=sum(one.mixed for one in seen),
        longest_gap_ms=max(gaps, default=0) / 1000,
        slowest_ms=max((took for one in seen for _, took in one.answered), default=0) / 1000,
        versions=dict(versions),
        trouble=[said for one in seen for said in one.trouble][:MOST_TOLD],
    )
