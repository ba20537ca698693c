"""A remote model is asked as its specification says, and whatever it does instead of answering stays its own trouble."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from assay import errors
from assay.domain.question.contract import Contract, Target
from assay.domain.question.field import Field
from assay.domain.remote import Remote
from assay.serving.endpoints.addresses import Access
from assay.serving.engines.remote import RemoteEngine, connecting
from tests import endpoint, tiny
from tests.endpoint import Endpoint

LABELS = ("low", "high")
RECORDINGS = Contract(
    model="notes", fields={"audio": Field(kind="audio", rate=8_000, longest_s=600)}, metric="average_precision",
    target=Target(name="utterances", labels=LABELS),
)  # fmt: skip
BY_PATH = "http://127.0.0.1:{port}/api/detect/{{label}}/{{audio}}"
BY_QUERY = "http://127.0.0.1:{port}/api/detect/?utterance={{label}}&audio_loc={{audio}}"
FILE = Path("/kept/ab/abc.wav")
Make = Callable[..., RemoteEngine]
ALONE = Access()


@pytest.fixture(scope="module")
def process() -> Iterator[Endpoint]:
    with endpoint.listening() as found:
        yield found


@pytest.fixture
def remote(process: Endpoint) -> Endpoint:
    process.mood("good")
    return process


@pytest.fixture
def make(remote: Endpoint) -> Iterator[Make]:
    """Makes engines that ask the process, quick to give up unless told otherwise."""
    made: list[RemoteEngine] = []

    def of(url: str = BY_PATH, contract: Contract = RECORDINGS, access: Access = ALONE, **told: Any) -> RemoteEngine:
        said = {
            "response": {"label": "phrase"}, "retries": 0, "backoff_s": 0.01, "timeout_s": 5.0, "failures": 100,
            "concurrency": 2,
        }  # fmt: skip
        made.append(RemoteEngine(spec(url.format(port=remote.port), **(said | told)), contract, access))
        return made[-1]

    yield of
    for engine in made:
        engine.close()


def spec(url: str, **told: Any) -> Remote:
    return msgspec.convert({"url": url, **told}, Remote)


def targets(remote: Endpoint) -> list[str]:
    return sorted(one["target"] for one in remote.seen["requests"])


def same(found: Any, *rows: tuple[float, float]) -> None:
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.array(rows, np.float32))


NOTHING = (float("nan"), float("nan"))


# ---- what is asked


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        (BY_PATH, ["/api/detect/high/%2Fkept%2Fab%2Fabc.wav", "/api/detect/low/%2Fkept%2Fab%2Fabc.wav"]),
        (
            BY_QUERY,
            [
                "/api/detect/?utterance=high&audio_loc=%2Fkept%2Fab%2Fabc.wav",
                "/api/detect/?utterance=low&audio_loc=%2Fkept%2Fab%2Fabc.wav",
            ],
        ),
    ],
)
def test_both_spellings_of_the_route_are_asked_once_for_each_label(
    make: Make, remote: Endpoint, url: str, asked: list[str]
) -> None:
    same(make(url).detect(FILE, 2), (0.5, 0.5), NOTHING)
    assert targets(remote) == asked


def test_one_request_can_tell_of_all_labels(make: Make, remote: Endpoint) -> None:
    url = "http://127.0.0.1:{port}/all"
    body = {"file": "{audio}", "digest": "{digest}", "note": "this is {name}!", "fixed": [1, True, None]}
    engine = make(url, method="POST", asks="recording", body=body)
    same(engine.detect(FILE, 2, name="call é.wav"), (0.5, 0.5), NOTHING)
    (seen,) = remote.seen["requests"]
    assert msgspec.json.decode(seen["body"]) == {
        "file": "/kept/ab/abc.wav", "digest": "abc.wav", "note": "this is call é.wav!", "fixed": [1, True, None],
    }  # fmt: skip
    assert seen["headers"]["Content-Type"] == "application/json"


def test_rows_that_are_no_recordings_are_asked_in_the_endpoints_own_words(make: Make, remote: Endpoint) -> None:
    engine = make(
        "http://127.0.0.1:{port}/rows", tiny.CONTRACT, method="POST", asks="rows", response={"at": "outputs.probabilities"},
        body={"inputs": {"CARAT": "{carat}", "top_k": 3}},
    )  # fmt: skip
    found = engine.run({"carat": np.array([1.5, 2.0]), "cut": ["Ideal", "Fair"], "color": ["D", "E"]})
    assert found.dtype == np.float64
    assert found.tolist() == [3.0, 4.0]
    assert msgspec.json.decode(remote.seen["requests"][0]["body"]) == {"inputs": {"CARAT": [1.5, 2.0], "top_k": 3}}


@pytest.mark.parametrize("words", ["{rows}", "{columns}"])
def test_rows_are_sent_by_row_or_by_column(make: Make, remote: Endpoint, words: str) -> None:
    remote.mood("says", "[1, 2.5]")
    engine = make(
        "http://127.0.0.1:{port}/any", tiny.CONTRACT, method="POST", asks="rows", response={}, body={"i": words}
    )
    columns = {"carat": [1.0, None], "cut": ["Ideal", "Fair"], "color": ["D", "E"]}
    assert engine.run(columns).tolist() == [1.0, 2.5]
    rows = [{"carat": 1.0, "cut": "Ideal", "color": "D"}, {"carat": None, "cut": "Fair", "color": "E"}]
    sent = msgspec.json.decode(remote.seen["requests"][0]["body"])
    assert sent == {"i": rows if words == "{rows}" else columns}


def test_labels_of_rows_are_told_row_by_row(make: Make, remote: Endpoint) -> None:
    contract = msgspec.structs.replace(tiny.CONTRACT, target=Target(name="said", labels=LABELS))
    engine = make("http://127.0.0.1:{port}/any", contract, method="POST", asks="rows", response={}, body="{rows}")
    columns = {"carat": [1.0], "cut": ["Ideal"], "color": ["D"]}
    remote.mood("says", "[[0.25, 1]]")
    same(engine.run(columns), (0.25, 1.0))
    for wrong in ("[[0.25]]", "[[0.25, 1], [0.25, 1]]", "[[0.25, 1.5]]", "[[0.25, null]]", "[]", "[0.25, 1]"):
        remote.mood("says", wrong)
        with pytest.raises(errors.RemoteModelBadAnswer):
            engine.run(columns)


def test_a_secret_goes_into_its_header_and_nowhere_else(make: Make, remote: Endpoint) -> None:
    access = Access(secrets={"detector": "Bearer 4711"})
    engine = make(access=access, headers_from={"Authorization": "detector"})
    engine.detect(FILE, 1)
    assert {one["headers"]["Authorization"] for one in remote.seen["requests"]} == {"Bearer 4711"}
    assert "4711" not in repr(access)
    for secrets in ({}, {"detector": "two\r\nlines"}, {"detector": ""}):
        with pytest.raises(errors.VersionRejected, match="detector") as refused:
            make(access=Access(secrets=secrets), headers_from={"Authorization": "detector"})
        assert "lines" not in str(refused.value)


def test_connections_are_kept_open(make: Make, remote: Endpoint) -> None:
    engine = make()
    for _ in range(5):
        engine.detect(FILE, 1)
    assert len(remote.seen["requests"]) == 10
    assert remote.seen["connections"] <= 2 + 2  # this test's own questions, too, have connections


@pytest.mark.parametrize("mood", ["closing", "old", "chunked"])
def test_every_way_to_end_an_answer_is_understood(make: Make, remote: Endpoint, mood: str) -> None:
    remote.mood(mood)
    engine = make()
    for _ in range(3):
        same(engine.detect(FILE, 1), (0.5, 0.5))
        time.sleep(0.02)  # long enough for the other end to go


# ---- what it may do instead of answering

WRONG = {
    "nan": errors.RemoteModelBadAnswer, "nonsense": errors.RemoteModelBadAnswer, "packed": errors.RemoteModelBadAnswer,
    "huge": errors.RemoteModelBadAnswer, "endless": errors.RemoteModelBadAnswer, "hang": errors.RemoteModelTimedOut,
    "drip": errors.RemoteModelTimedOut, "drip_old": errors.RemoteModelTimedOut, "drip_head": errors.RemoteModelTimedOut,
    "cut": errors.RemoteModelUnreachable, "reset": errors.RemoteModelUnreachable,
    "elsewhere": errors.RemoteModelFailed, "busy": errors.RemoteModelFailed,
}  # fmt: skip


@pytest.mark.parametrize("mood", WRONG)
def test_what_is_no_answer_is_refused_in_time_and_the_next_one_is_taken(
    make: Make, remote: Endpoint, mood: str
) -> None:
    remote.mood(mood)
    engine = make(timeout_s=1.0)
    began = time.monotonic()
    with pytest.raises(WRONG[mood]):
        engine.detect(FILE, 2)
    assert time.monotonic() - began < 3
    remote.mood("good")
    same(engine.detect(FILE, 2), (0.5, 0.5), NOTHING)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, errors.RemoteModelRefused), (401, errors.RemoteModelRefused), (404, errors.RemoteModelRefused),
        (408, errors.RemoteModelFailed), (500, errors.RemoteModelFailed), (503, errors.RemoteModelFailed),
        (304, errors.RemoteModelFailed),
    ],
)  # fmt: skip
def test_a_status_says_who_is_to_blame(make: Make, remote: Endpoint, status: int, error: type[Exception]) -> None:
    remote.mood("status", status)
    with pytest.raises(error, match=f"({status})"):
        make().detect(FILE, 2)


@pytest.mark.parametrize(
    "entry",
    [
        {"time": 2}, {"time": -1}, {"time": 0.5}, {"time": "0"}, {"time": None}, {"confidence": 1.01},
        {"confidence": -0.1}, {"confidence": "0.5"}, {"confidence": None}, {"phrase": "high"}, {"phrase": "LOW"}, {"phrase": 1},
    ],
)  # fmt: skip
def test_an_entry_that_does_not_fit_the_question_is_no_answer(
    make: Make, remote: Endpoint, entry: dict[str, Any]
) -> None:
    contract = msgspec.structs.replace(RECORDINGS, target=Target(name="utterances", labels=("low",)))
    good = {"phrase": "low", "time": 1, "confidence": 0.5}
    remote.mood("says", msgspec.json.encode([good | {"more": [1]}]).decode())
    assert make(contract=contract).detect(FILE, 2)[1] == np.float32(0.5)
    for wrong in ([good | entry], [good, good], {"of": [good]}, [{"phrase": "low"}], [[good]], None):
        remote.mood("says", msgspec.json.encode(wrong).decode())
        with pytest.raises(errors.RemoteModelBadAnswer):
            make(contract=contract).detect(FILE, 2)


def test_entries_without_a_label_are_about_the_one_that_was_asked(make: Make, remote: Endpoint) -> None:
    remote.mood("says", '{"all": {"of": [{"s": 1, "c": 0.25}]}}')
    response = {"at": "all.of", "label": "", "time": "s", "confidence": "c"}
    same(make(response=response).detect(FILE, 2), NOTHING, (0.25, 0.25))


def test_a_double_is_the_same_float_that_was_sent(make: Make, remote: Endpoint) -> None:
    told = np.random.default_rng(5).random(500, np.float32)
    entries = [{"phrase": "low", "time": at, "confidence": float(one)} for at, one in enumerate(told)]
    remote.mood("says", msgspec.json.encode(entries).decode())
    contract = msgspec.structs.replace(RECORDINGS, target=Target(name="utterances", labels=("low",)))
    assert make(contract=contract).detect(FILE, 500)[:, 0].tobytes() == told.tobytes()


def test_nobody_who_listens_is_unreachable(make: Make) -> None:
    with endpoint.listening() as gone:
        port = gone.port
    began = time.monotonic()
    with pytest.raises(errors.RemoteModelUnreachable, match="refused"):
        make(BY_PATH.format(port=port).replace("{", "{{").replace("}", "}}"), retries=1).detect(FILE, 1)
    assert time.monotonic() - began < 2


# ---- again, at most, and for how long


@pytest.mark.parametrize("mood", [("status", 500), ("status", 502), ("status", 429), ("reset",), ("cut",)])
def test_a_failure_that_passes_is_not_noticed(make: Make, remote: Endpoint, mood: tuple[Any, ...]) -> None:
    remote.mood(*mood, times=2)
    same(make(retries=2).detect(FILE, 1), (0.5, 0.5))
    assert len(remote.seen["requests"]) == 4


def test_one_that_does_not_pass_is_asked_so_often_and_no_more(make: Make, remote: Endpoint) -> None:
    contract = msgspec.structs.replace(RECORDINGS, target=Target(name="utterances", labels=("low",)))
    remote.mood("status", 500)
    with pytest.raises(errors.RemoteModelFailed):
        make(retries=3, contract=contract).detect(FILE, 1)
    assert len(remote.seen["requests"]) == 4
    remote.mood("status", 404)
    with pytest.raises(errors.RemoteModelRefused):
        make(retries=3, contract=contract).detect(FILE, 1)
    assert len(remote.seen["requests"]) == 1


def test_whoever_is_busy_is_given_the_time_it_asks_for(make: Make, remote: Endpoint) -> None:
    remote.mood("busy", times=2)
    began = time.monotonic()
    same(make(retries=1).detect(FILE, 1), (0.5, 0.5))
    assert time.monotonic() - began >= 1


def test_no_more_are_asked_at_a_time_than_may_be_whoever_asks(make: Make, remote: Endpoint) -> None:
    remote.mood("slow")
    engine = make(concurrency=3, timeout_s=20.0)
    asking = [threading.Thread(target=engine.detect, args=(FILE, 1)) for _ in range(6)]
    for one in asking:
        one.start()
    for one in asking:
        one.join()
    assert (len(remote.seen["requests"]), remote.seen["most"]) == (12, 3)


@pytest.mark.parametrize("mood", ["hang", "drip", "drip_old", "drip_head"])
def test_who_is_given_up_leaves_no_place_taken(make: Make, remote: Endpoint, mood: str) -> None:
    def working() -> int:
        return sum(one.name.startswith("remote-model") for one in threading.enumerate())

    remote.mood(mood)
    before = working()
    engine = make(timeout_s=0.5)
    for _ in range(3):
        with pytest.raises(errors.RemoteModelTimedOut):
            engine.detect(FILE, 2)
    remote.mood("good")
    began = time.monotonic()
    same(engine.detect(FILE, 2), (0.5, 0.5), NOTHING)
    assert time.monotonic() - began < 0.5
    assert working() <= before + 2


def test_who_waits_for_a_place_and_gets_none_is_told_so(make: Make, remote: Endpoint) -> None:
    remote.mood("slow")
    contract = msgspec.structs.replace(RECORDINGS, target=Target(name="utterances", labels=("low",)))
    engine = make(concurrency=1, timeout_s=2.0, failures=1, contract=contract)
    refused: list[Exception] = []

    def ask() -> None:
        try:
            engine.detect(FILE, 1)
        except errors.AssayError as told:
            refused.append(told)

    asking = [threading.Thread(target=ask) for _ in range(40)]
    for one in asking:
        one.start()
    for one in asking:
        one.join()
    assert errors.Overloaded in {type(one) for one in refused}
    assert len(refused) < 40


# ---- the circuit


def test_the_circuit_opens_after_failures_and_closes_once_one_question_is_answered(
    make: Make, remote: Endpoint
) -> None:
    engine = make(failures=2, rest_s=0.5)
    remote.mood("status", 500)
    for _ in range(2):
        with pytest.raises(errors.RemoteModelFailed):
            engine.detect(FILE, 1)
    remote.mood("status", 500)
    with pytest.raises(errors.RemoteModelResting, match="2 times"):
        engine.detect(FILE, 1)
    assert remote.seen["requests"] == []
    time.sleep(0.6)
    with pytest.raises(errors.RemoteModelFailed):  # the one question that is let through
        engine.detect(FILE, 1)
    with pytest.raises(errors.RemoteModelResting):
        engine.detect(FILE, 1)
    remote.mood("good")
    time.sleep(0.6)
    same(engine.detect(FILE, 1), (0.5, 0.5))
    same(engine.detect(FILE, 1), (0.5, 0.5))


def test_who_knows_nothing_of_a_recording_is_there_all_the_same(make: Make, remote: Endpoint) -> None:
    engine = make(failures=1, rest_s=60)
    remote.mood("status", 404)
    for _ in range(3):
        with pytest.raises(errors.RemoteModelRefused):
            engine.detect(FILE, 1)


def test_one_models_trouble_is_not_anothers(make: Make, remote: Endpoint) -> None:
    remote.mood("hang")
    hanging = make(timeout_s=3.0, concurrency=1)

    def ask() -> None:
        with pytest.raises(errors.RemoteModelTimedOut):
            hanging.detect(FILE, 1)

    waiting = threading.Thread(target=ask)
    waiting.start()
    time.sleep(0.2)
    remote.mood("good")
    began = time.monotonic()
    same(make(concurrency=1).detect(FILE, 1), (0.5, 0.5))
    assert time.monotonic() - began < 1
    waiting.join()


# ---- before anything is asked


def test_what_does_not_fit_the_contract_is_refused_before_anything_is_asked(make: Make) -> None:
    rows: dict[str, Any] = {"method": "POST", "asks": "rows", "response": {}}
    with pytest.raises(errors.VersionRejected, match="recordings"):
        make(contract=tiny.CONTRACT)
    with pytest.raises(errors.VersionRejected, match="recordings"):
        make("http://127.0.0.1:{port}/x", **rows, body="{rows}")
    with pytest.raises(errors.VersionRejected, match="weight"):
        make("http://127.0.0.1:{port}/x", tiny.CONTRACT, **rows, body="{weight}")
    with pytest.raises(errors.VersionRejected, match="path"):
        make(contract=msgspec.structs.replace(RECORDINGS, target=Target(name="said", labels=("..",))))
    with pytest.raises(errors.VersionRejected, match="remote_hosts"):
        make("http://models.example.org/{{label}}/{{audio}}")


def test_a_name_that_would_climb_out_of_the_path_is_refused(make: Make, remote: Endpoint) -> None:
    engine = make("http://127.0.0.1:{port}/api/detect/{{label}}/{{name}}")
    with pytest.raises(errors.RemoteModelRefused):
        engine.detect(FILE, 1, name="..")
    engine.detect(FILE, 1, name="../../secret")
    assert targets(remote) == [f"/api/detect/{label}/..%2F..%2Fsecret" for label in ("high", "low")]


def test_a_specifications_file_makes_the_engine(remote: Endpoint) -> None:
    told = spec(BY_PATH.format(port=remote.port), response={"label": "phrase"})
    engine = connecting(Access())(msgspec.json.encode(told), RECORDINGS)
    same(engine.detect(FILE, 1), (0.5, 0.5))
    engine.close()
    engine.close()
    with pytest.raises(errors.ModelFailed, match="let go"):
        engine.detect(FILE, 1)
    with pytest.raises(errors.ArtifactRejected):
        connecting(Access())(b'{"url": "file:///etc/passwd"}', RECORDINGS)
