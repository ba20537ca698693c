"""The proof of a switch notices what fails and what is mixed, and says nothing failed only where nothing did."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from assay.releasing.prove import Prober, Proof

QUESTIONS = [{"carat": 1.0}, {"carat": 2.0}]
RIGHT = {1: [10.0, 20.0], 2: [11.0, 21.0]}
Answer = Callable[[int], tuple[int, Any]]


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """A server that answers every request with what the test says, told how many came before."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            status, told = answer(next(count))
            body = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    count = iter(range(10**9))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def by(*versions: int) -> list[dict[str, Any]]:
    """The right answers to both questions, each by the version named."""
    return [{"version": one, "prediction": RIGHT[one][place]} for place, one in enumerate(versions)]


def seen(answer: Answer) -> tuple[Any, Proof]:
    with answering(answer) as url:
        return Prober(url, "stone", QUESTIONS, RIGHT).during(lambda: "decided", before_s=0.2, after_s=0.2)


def test_answers_that_are_each_wholly_by_one_version_prove_the_switch() -> None:
    decided, proof = seen(lambda before: (200, by(1, 1) if before < 20 else by(2, 2)))
    assert decided == "decided"
    assert proof.holds
    assert set(proof.versions) == {1, 2}
    assert proof.requests == sum(proof.versions.values())
    assert 0 < proof.longest_gap_ms < 10_000
    assert "0 failed, 0 mixed" in proof.sentence()


def test_a_refusal_is_a_failure() -> None:
    _, proof = seen(lambda before: (503, {}) if before == 5 else (200, by(1, 1)))
    assert (proof.failures, proof.holds) == (1, False)
    assert "status 503" in proof.trouble[0]


def test_an_answer_of_two_versions_is_mixed() -> None:
    _, proof = seen(lambda before: (200, by(1, 2) if before == 5 else by(1, 1)))
    assert (proof.mixed, proof.holds) == (1, False)


def test_an_answer_that_is_not_the_named_versions_own_is_mixed() -> None:
    def answer(before: int) -> tuple[int, Any]:
        told = by(1, 1)
        if before == 5:
            told[1]["prediction"] = RIGHT[2][1]
        return 200, told

    _, proof = seen(answer)
    assert (proof.mixed, proof.holds) == (1, False)


def test_nothing_answered_proves_nothing() -> None:
    prober = Prober("http://127.0.0.1:9", "stone", QUESTIONS, RIGHT)
    _, proof = prober.during(lambda: None, before_s=0.1, after_s=0.1)
    assert not proof.holds
    assert proof.failures == proof.requests > 0
