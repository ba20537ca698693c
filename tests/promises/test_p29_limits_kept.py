"""P29: what the store keeps and tells is counted: pages and their bytes, names, keys, jobs with their logs and their slots."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from assay.app import Assay, working
from assay.clock import iso, new_id, now_us, parse_iso
from assay.domain.job import Job
from assay.errors import AssayError
from assay.jobs.child import Child
from assay.jobs.schedule import schedules_of
from assay.jobs.scheduler import Scheduler
from assay.settings import ScheduleSetting
from assay.store import schema
from assay.store.database import Database
from assay.store.databases import open_database
from assay.store.work.jobs import Jobs
from assay.store.work.schedules import Schedules
from tests import homes
from tests.promises.checker import opened, rows
from tests.promises.limits import limit, tries
from tests.promises.servers import APPLICATION, NOTE, STONE, Answer, Server, copy_of, serving, start

STONES, NOTES = "/v1/models/stones/predict", "/v1/models/notes/predict"
MIB = 1 << 20
HOUR = 3_600_000_000


@pytest.fixture(scope="module")
def server(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server over each database; unharmed at the end."""
    running = start(copy_of(trained, tmp_path_factory.mktemp("kept") / "home"))
    yield running
    assert running.alive() and running.predict().status == 200
    running.kill()
    homes.forgotten(running.home)


@pytest.fixture
def database(fresh_home: Path) -> Iterator[Database]:
    """A store of the test's own."""
    fresh_home.mkdir()
    with closing(open_database(homes.where(fresh_home))) as made:
        schema.upgrade(made)
        yield made


class Hands:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.at = parse_iso("2026-03-03T12:00:00Z")


@pytest.fixture
def clock(database: Database, monkeypatch: pytest.MonkeyPatch) -> Hands:
    """What the database says of the time."""
    made = Hands()
    monkeypatch.setattr(database, "now", lambda _connection: made.at)
    return made


def refused(answer: Answer, status: int, code: str) -> None:
    """The documented refusal came."""
    assert (answer.status, answer.code) == (status, code), answer.body[:300]


# ---- pages


@tries("page", "cursor")
def test_a_page_of_a_list(server: Server) -> None:
    most = limit("page")
    assert server.ask(STONES, json.dumps([STONE] * (most + 1)).encode()).status == 200
    for path in ("/v1/predictions?", "/v1/exchanges?", "/v1/jobs?", "/v1/datasets?", "/v1/audit?", "/v1/models/stones/verdicts?"):  # fmt: skip
        assert server.ask(f"{path}limit={most}").status == 200
        refused(server.ask(f"{path}limit={most + 1}"), 422, "invalid_parameter")
    first = server.ask(f"/v1/predictions?limit={most}").json
    assert len(first["results"]) == most and len(first["next_cursor"]) == limit("cursor")
    rest = server.ask(first["next"]).json["results"]
    assert len({one["id"] for one in (*first["results"], *rest)}) == most + len(rest) >= most + 1
    for wrong in (first["next_cursor"] + "A", first["next_cursor"][:-1]):
        refused(server.ask(f"/v1/predictions?cursor={wrong}"), 400, "bad_cursor")


@tries("page-bytes")
def test_bytes_on_a_page(server: Server) -> None:
    def ask(size: int) -> Answer:
        return server.ask(NOTES, json.dumps(NOTE).encode().ljust(size))

    said = len(ask(MIB).body)  # the same for each of them
    count = limit("page-bytes") // MIB
    for _ in range(count):
        assert len(ask(MIB - said).body) == said
    page = f"/v1/exchanges?path={NOTES}&limit={count}"
    assert [one["request_size"] for one in server.ask(page).json["results"]] == [MIB - said] * count
    ask(MIB - said + 1)
    found = server.ask(page).json
    assert len(found["results"]) == count - 1 and found["next"]
    assert server.ask(found["next"]).json["results"]


@tries("query-page")
def test_a_page_of_a_query(server: Server) -> None:
    most = limit("query-page")
    query = server.ask("/v1/models/stones/queries", b"{}").json["location"]
    assert server.ask(query, json.dumps([STONE] * (most + 1)).encode()).status == 200
    found = server.ask(f"{query}?page_size={most}").json
    assert (len(found["results"]), found["total"], found["pages"]) == (most, most + 1, 2)
    assert len(server.ask(found["next"]).json["results"]) == 1
    refused(server.ask(f"{query}?page_size={most + 1}"), 422, "invalid_parameter")


@tries("kept-response")
def test_a_response_that_the_record_keeps(server: Server) -> None:
    for wanted, whole in ((limit("kept-response"), True), (limit("kept-response") + 1, False)):
        told, length = None, 60_000
        for _ in range(50):  # until the answer, in which times are told, has just this length
            asked = server.ask(NOTES, json.dumps(NOTE | {"text": "x" * length}).encode())
            told = server.ask(f"/v1/exchanges/{asked.headers['x-request-id']}")
            if len(told.body) == wanted:
                break
            length += wanted - len(told.body)
        assert told is not None and len(told.body) == wanted
        kept = server.exchange(told.headers["x-request-id"])
        assert kept is not None and kept["response_size"] == wanted
        assert (kept["response"] is not None, kept["response_digest"] is None) == (whole, whole)


@tries("kept-request")
def test_a_request_that_the_record_keeps(server: Server) -> None:
    most = limit("kept-request")
    for length in (most, most + 1):
        told = server.ask("/v1/datasets/none/rows", b"x" * length, headers={"Content-Type": "text/csv"})
        kept = server.exchange(told.headers["x-request-id"])
        assert kept is not None and (kept["request_size"], len(kept["request"])) == (length, most)


# ---- names and keys


@tries("dataset-name")
def test_the_name_of_a_dataset(server: Server) -> None:
    longest = limit("dataset-name")
    assert server.ask("/v1/datasets/" + "d" * longest, b'{"model": "stones"}', method="PUT").status == 201
    told = server.ask("/v1/datasets/" + "d" * (longest + 1), b'{"model": "stones"}', method="PUT")
    refused(told, 422, "invalid_name")


@tries("label", "idempotency-key")
def test_a_label_and_a_key_of_an_order_to_train(server: Server) -> None:
    def order(key: str, label: str) -> Answer:
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        return server.ask("/v1/models/notes/train", json.dumps({"label": label}).encode(), headers=headers)

    key, label = "k" * limit("idempotency-key"), "\N{GREEK SMALL LETTER LAMDA}" * limit("label")
    first, second = order(key, label), order(key, label)
    assert (first.status, second.status, second.json["id"]) == (202, 202, first.json["id"])
    assert first.json["arguments"]["label"] == label
    assert order("l" + key[1:], "another").json["id"] != first.json["id"]
    refused(order(key + "k", "other"), 400, "bad_idempotency_key")
    refused(order("new", label + "x"), 422, "invalid")


@tries("outcomes")
def test_outcomes_in_one_list(server: Server) -> None:
    told = {"prediction": server.predict().json["id"], "value": 1}
    for count, status in ((limit("outcomes"), 201), (limit("outcomes") + 1, 422)):
        assert server.ask("/v1/outcomes", json.dumps([told] * count).encode()).status == status


@tries("trainings-waiting")
def test_trainings_that_wait(trained: Path, tmp_path: Path) -> None:
    with serving(copy_of(trained, tmp_path / "home")) as server:
        orders = [server.ask("/v1/models/notes/train", b"{}") for _ in range(limit("trainings-waiting"))]
        assert {one.status for one in orders} == {202}
        refused(server.ask("/v1/models/notes/train", b"{}"), 503, "overloaded")
        assert server.ask(f"/v1/jobs/{orders[0].json['id']}/cancel", b"").status == 200
        assert server.ask("/v1/models/notes/train", b"{}").status == 202
    homes.forgotten(server.home)


@tries("version-number")
def test_the_number_of_a_version(server: Server) -> None:
    (first,) = rows(server.home, "SELECT * FROM versions WHERE model = 'notes' AND number = 1")
    digits = limit("version-number")
    with opened(server.home) as database:
        for number in (int("9" * digits), 10**digits):
            columns = ", ".join(f'"{name}"' for name in first)
            told = [*(first | {"number": number, "label": None}).values()]
            database.execute(f"INSERT INTO versions ({columns}) VALUES ({', '.join('?' * len(told))})", told)
    path, note = "/v1/models/notes/versions/{}", json.dumps(NOTE).encode()
    assert server.ask(path.format("9" * digits)).status == 200
    assert server.ask(path.format("9" * digits) + "/predict", note).status == 200
    refused(server.ask(path.format(10**digits)), 404, "version_not_found")
    refused(server.ask(path.format(10**digits) + "/predict", note), 404, "version_not_found")


# ---- jobs


@tries("job-log")
def test_the_log_of_a_job(database: Database) -> None:
    jobs = Jobs(database)
    made = jobs.add(Job(id=new_id(), at=now_us(), verb="v"))
    claimed = jobs.claim("w", ("v",), 60.0)
    assert claimed is not None and claimed.token is not None
    lines = ["x" * 63 + "\n"] * (limit("job-log") // 64)
    for line in lines:
        jobs.report(made.id, claimed.token, line=line[:-1])
    log = jobs.find(made.id).log
    assert log == "".join(lines) and len(log) == limit("job-log")
    log = jobs.report(made.id, claimed.token, line="").log  # one byte more: its end
    assert log == "".join(lines[1:]) + "\n"
    assert len(jobs.report(made.id, claimed.token, line="y" * 3 * limit("job-log")).log) <= limit("job-log")


@tries("job-said")
def test_what_a_job_prints() -> None:
    for printed in (limit("job-said"), limit("job-said") + 1):
        child = Child(lambda _pipe, text="x" * (printed - 1): [sys.executable, "-c", f"print('a{text}', end='')"])  # type: ignore[misc]  # bound as it is now
        while child.runs(1.0):
            pass
        said = child.close()[1]
        assert (len(said), said[0]) == (limit("job-said"), "a" if printed == limit("job-said") else "x")


@tries("job-error")
def test_the_reason_for_which_a_job_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for length in (limit("job-error"), limit("job-error") + 1):
        with closing(Assay.at(APPLICATION, home=tmp_path / "home")) as assay:
            job = assay.jobs.add(Job(id=new_id(), at=now_us(), verb="train"))

            def train(*_told: Any, length: int = length) -> dict[str, Any]:
                raise AssayError("x" * length)

            monkeypatch.setitem(working.VERBS, "train", train)
            assert working._outcome(assay, job)["error"] == "x" * limit("job-error")


@tries("attempts")
def test_attempts(database: Database) -> None:
    jobs = Jobs(database)
    job = jobs.add(Job(id=new_id(), at=now_us(), verb="v", max_attempts=limit("attempts")))
    states = []
    for _ in range(limit("attempts")):
        claimed = jobs.claim("w", ("v",), 60.0)
        assert claimed is not None
        states.append(jobs.lost(claimed.id, claimed.token or "", "gone").state)
    assert states == ["queued"] * (limit("attempts") - 1) + ["failed"]
    assert jobs.find(job.id).code == "worker_lost" and jobs.claim("w", ("v",), 60.0) is None


@tries("slots-caught-up")
def test_slots_that_are_caught_up(database: Database, clock: Hands) -> None:
    most = limit("slots-caught-up")
    for missed in (most, most + 1):
        scheduler = scheduled(database, f"missed{missed}", missed="catch_up")
        assert scheduler.look() == []
        clock.at += missed * HOUR
        slots = [job.arguments["slot"] for job in scheduler.look()]
        assert slots == [iso(clock.at - hours * HOUR) for hours in reversed(range(most))]


@tries("slots-listed")
def test_slots_that_are_listed(database: Database, clock: Hands) -> None:
    most = limit("slots-listed")
    for missed in (most, most + 1):
        scheduler = scheduled(database, f"missed{missed}")
        assert scheduler.look() == []
        clock.at += (missed + 1) * HOUR
        (job,) = scheduler.look()
        assert job.arguments["missed"] == [iso(clock.at - hours * HOUR) for hours in reversed(range(1, most + 1))]


@tries("slots-waiting")
def test_slots_that_wait(database: Database, clock: Hands) -> None:
    scheduler, made = scheduled(database, "hourly"), []
    assert scheduler.look() == []
    for _ in range(limit("slots-waiting") + 2):
        clock.at += HOUR
        made += scheduler.look()
    assert len(made) == limit("slots-waiting")
    Jobs(database).cancel(made[0].id, "test")
    (gathered,) = scheduler.look()
    assert (gathered.arguments["slot"], gathered.arguments["missed"]) == (iso(clock.at), [iso(clock.at - HOUR)])


def scheduled(database: Database, name: str, **told: Any) -> Scheduler:
    """A scheduler with one schedule, of an hour."""
    setting = ScheduleSetting.model_validate({"every": "1h"} | told)
    return Scheduler(Schedules(database), schedules_of({name: setting}))
