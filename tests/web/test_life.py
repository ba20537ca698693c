"""The life of a real server: started before anything is trained, asked in every way at once, and told to stop while it answers."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from assay.app import Assay
from assay.training.run import Plan
from tests import tiny
from tests.promises.servers import JSON, PLAIN, SERVE, Server, environment, parse
from tests.web.running import Answer, Running, eventually, serving

PREDICT = "/v1/models/stone/predict"
STONE = json.dumps(tiny.QUESTION).encode()


def post(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def weighing(carat: float) -> bytes:
    return json.dumps(tiny.QUESTION | {"carat": carat}).encode()


@contextmanager
def started(home: Path, *unsafe: str) -> Iterator[Server]:
    """`serve` in a process of its own, with a home that may be empty."""
    command = [sys.executable, "-c", SERVE, str(tiny.application()), json.dumps(PLAIN | {"home": str(home)})]
    log = home.parent / "log"
    with log.open("wb") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment(unsafe), bufsize=0)
    assert process.stdout is not None
    port = int(process.stdout.readline().decode().split("http://127.0.0.1:")[1].split()[0])
    server = Server(process, port, log, process.pid, home)
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def unwritable(assay: Assay) -> Iterator[None]:
    """Nothing can be recorded within the block: this process has the turn to write."""
    with assay.database.turn():
        yield


def test_a_server_that_nobody_has_trained_for_serves_what_is_trained_later(tmp_path: Path) -> None:
    with started(tmp_path / "home", "no-golden") as server:
        eventually(lambda: server.ask("/livez").status == 200)
        ready = server.ask("/readyz")
        assert ready.status == 503
        assert ready.json["missing"] == {"stone": "no version answers"}
        assert ready.json["unsafe"] == ["no-golden"]
        early = server.predict(tiny.QUESTION, model="stone")
        assert (early.status, early.code) == (503, "nothing_released")

        assay = Assay.at(tiny.application(), home=tmp_path / "home")
        assay.train(assay.application.model(None), None, Plan(only=("linear",)))
        eventually(lambda: server.ask("/readyz").status == 200, 2)  # by itself: nobody has to ask first
        assert server.ask("/readyz").json["models"] == {"stone": 1}
        assert server.predict(tiny.QUESTION, model="stone").status == 200
        assert f"{PREDICT[:-8]}/explain" in server.ask("/openapi.json").json["paths"]

        assay.train(assay.application.model(None), None, Plan(only=("rough",), promote=False))
        assay.releaser.promote("stone", 2, by="a test")
        statuses = set()

        def switched() -> bool:
            answer = server.predict(tiny.QUESTION, model="stone")
            statuses.add(answer.status)
            return bool(answer.json["version"] == 2)

        eventually(switched, 2)
        assert statuses == {200}
        assay.close()


def test_a_server_that_is_told_to_stop_answers_what_it_was_asked(tmp_path: Path) -> None:
    with tiny.opened(tmp_path / "home") as assay, started(tmp_path / "home") as server:
        eventually(lambda: server.ask("/readyz").status == 200)
        answers = []
        asker = threading.Thread(target=lambda: answers.append(server.ask(PREDICT, STONE)))
        with unwritable(assay):
            asker.start()
            asker.join(0.3)
            os.kill(server.pid, signal.SIGTERM)
            asker.join(0.3)
            assert answers == []
        asker.join()
        assert [answer.status for answer in answers] == [200]
        assert server.process.wait(20) == 0
        kept = assay.exchanges.find(answers[0].headers["x-request-id"])
        assert kept is not None
        assert kept.response == answers[0].body
        assert b"carat" not in server.log.read_bytes()  # what was asked is in the record, never in the log


def test_requests_of_every_kind_sent_at_once_are_answered_in_their_order(server: Running) -> None:
    carats = [round(0.5 + 0.1 * step, 1) for step in range(10)]
    prices = [server.predict(weighing(carat)).json["prediction"] for carat in carats]
    sent = post(PREDICT, json.dumps([tiny.QUESTION] * 300).encode())  # slow enough that everything else waits for it
    for carat in carats:
        sent += post(PREDICT, weighing(carat)) + post(PREDICT, weighing(carat), "Authorization: for the door")
        sent += b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
    sent += post(PREDICT, weighing(-1)) + post("/price", STONE)
    found = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(sent)
        while len(parse(found)) < 3 + 3 * len(carats):
            part = connection.recv(1 << 16)
            assert part, found
            found += part
    first, *triples, refused, own = parse(found)
    assert len(first.json) == 300
    assert [one.json["prediction"] for one in triples[::3]] == prices
    assert [one.json["prediction"] for one in triples[1::3]] == prices
    assert [one.json for one in triples[2::3]] == [{"status": "ok"}] * len(carats)
    assert (refused.code, own.json["version"]) == ("out_of_range", tiny.LINEAR)


@pytest.mark.parametrize("way", [(), ("Authorization: for the door",)], ids=["express", "door"])
def test_a_client_that_sends_no_more_is_still_answered(server: Running, way: tuple[str, ...]) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(post(PREDICT, STONE, *way))
        connection.shutdown(socket.SHUT_WR)
        found = b""
        while part := connection.recv(1 << 16):
            found += part
    assert [one.status for one in parse(found)] == [200]


def test_no_answer_leaves_before_it_is_recorded_and_who_cannot_wait_is_told_to_come_back(tmp_path: Path) -> None:
    with serving(tmp_path / "home", max_waiting_rows=5) as server:
        answers: list[Answer] = []
        five = b"[" + b",".join([STONE] * 5) + b"]"
        askers = [threading.Thread(target=lambda: answers.append(server.predict(five))) for _ in range(2)]
        with unwritable(server.assay):
            for asker in askers:
                asker.start()
            askers[0].join(0.4)
            assert answers == []  # neither the answer nor the refusal
        for asker in askers:
            asker.join()
        taken, refused = sorted(answers, key=lambda answer: answer.status)
        assert (taken.status, len(taken.json)) == (200, 5)
        assert (refused.status, refused.json["code"]) == (503, "overloaded")
        assert int(refused.headers["retry-after"]) > 0
        assert server.recorded(refused).request == five
        assert server.predict().status == 200


def test_a_key_that_is_being_answered_is_not_answered_twice(server: Running) -> None:
    answers: list[Answer] = []
    askers = [
        threading.Thread(target=lambda: answers.append(server.predict(Idempotency_Key="under-way"))) for _ in range(2)
    ]
    with unwritable(server.assay):
        for asker in askers:
            asker.start()
        askers[0].join(0.3)
    for asker in askers:
        asker.join()
    taken, refused = sorted(answers, key=lambda answer: answer.status)
    assert taken.status == 200
    assert (refused.status, refused.json["code"]) == (409, "idempotency_in_progress")
    assert int(refused.headers["retry-after"]) > 0


def test_an_open_server_answers_under_any_name(tmp_path: Path) -> None:
    with serving(tmp_path / "home", open=True) as server:
        assert server.ask("GET", "/v1/models", None, {"Host": "stones.example"}).status == 200
        assert server.predict(STONE, Host="stones.example").status == 200
    with serving(tmp_path / "other", allowed_hosts=["Stones.example"]) as server:
        for host, status in (("stones.example:80", 200), ("gems.example", 421)):
            assert server.ask("GET", "/v1/models", None, {"Host": host}).status == status
            assert server.ask("POST", PREDICT, STONE, {**JSON, "Host": host}).status == status
