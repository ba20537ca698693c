"""P29: what is told of a remote model, what it is asked at a time, and what it may answer, is counted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from assay.domain.question.contract import Contract, Target
from assay.domain.question.field import Field
from assay.domain.remote import Remote
from assay.errors import (
    ApplicationInvalid,
    ArtifactRejected,
    RemoteModelBadAnswer,
    RemoteModelFailed,
)  # fmt: skip
from assay.recipes.remote import RemoteModel, remote
from assay.serving.endpoints.addresses import Access
from assay.serving.engines.remote import RemoteEngine
from assay.store.files.formats import dump_remote, load_remote
from tests import endpoint
from tests.endpoint import Endpoint
from tests.promises.limits import limit, tries

FILE = Path("/kept/x")
URL = "http://127.0.0.1:8010/{label}/{audio}"
CONTRACT = Contract(
    model="notes", fields={"audio": Field(kind="audio", rate=8_000, longest_s=600)}, metric="average_precision",
    target=Target(name="utterances", labels=("low",)),
)  # fmt: skip


@pytest.fixture(scope="module")
def asking() -> Iterator[Endpoint]:
    with endpoint.listening() as found:
        yield found


def engine(asking: Endpoint, **told: Any) -> RemoteEngine:
    url = f"http://127.0.0.1:{asking.port}/api/detect/{{label}}/{{audio}}"
    made: RemoteModel = remote(url, response={"label": "phrase"}, backoff_s=0.001, **told)
    return RemoteEngine(made.remote, CONTRACT, Access())


def ask(found: RemoteEngine) -> None:
    try:
        found.detect(FILE, 1)
    finally:
        found.close()


@tries("remote-url")
def test_a_remote_models_address() -> None:
    longest = limit("remote-url")
    assert remote(URL + "x" * (longest - len(URL))).remote.url
    with pytest.raises(ApplicationInvalid):
        remote(URL + "x" * (longest - len(URL) + 1))


@tries("remote-headers")
def test_headers_that_a_remote_model_is_told() -> None:
    many = {f"X-{place}": "secret" for place in range(limit("remote-headers"))}
    assert remote(URL, headers_from=many).remote.headers_from == many
    with pytest.raises(ApplicationInvalid):
        remote(URL, headers_from={**many, "X-More": "secret"})


@tries("remote-requests")
def test_requests_that_a_remote_model_is_asked_at_a_time(asking: Endpoint) -> None:
    most = limit("remote-requests")
    with pytest.raises(ApplicationInvalid):
        remote(URL, concurrency=most + 1)
    asking.mood("slow")
    found = engine(asking, concurrency=most, timeout_s=60, retries=0)
    threads = [threading.Thread(target=found.detect, args=(FILE, 1)) for _ in range(most + 8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    found.close()
    assert len(asking.seen["requests"]) == most + 8
    assert asking.seen["most"] <= most


@tries("remote-retries")
def test_times_that_a_request_is_made_again(asking: Endpoint) -> None:
    most = limit("remote-retries")
    with pytest.raises(ApplicationInvalid):
        remote(URL, retries=most + 1)
    asking.mood("status", 500)
    with pytest.raises(RemoteModelFailed):
        ask(engine(asking, retries=most))
    assert len(asking.seen["requests"]) == most + 1


@tries("remote-answer")
def test_bytes_of_a_remote_models_answer(asking: Endpoint) -> None:
    longest = limit("remote-answer")
    answer = '[{"phrase": "low", "time": 0, "confidence": 0.5}]'
    for length, refused in ((longest, False), (longest + 1, True)):
        asking.mood("says", answer.ljust(length))
        try:
            ask(engine(asking, retries=0))
        except RemoteModelBadAnswer:
            assert refused
        else:
            assert not refused


@tries("remote-specification")
def test_bytes_of_a_remote_models_specification() -> None:
    longest = limit("remote-specification")
    kept = dump_remote(msgspec.convert({"url": URL}, Remote))
    assert load_remote(kept.ljust(longest))
    with pytest.raises(ArtifactRejected, match="longer"):
        load_remote(kept.ljust(longest + 1))
