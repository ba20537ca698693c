"""A look at the control set over HTTP is a job, and those that would do the same are one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.app.watching import looking
from tests import heard
from tests.web.running import Running, serving

PATH = "/v1/models/notes/watch"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    with serving(tmp_path / "home", opened=heard.opened) as running:
        yield running


def test_a_look_is_queued_once(server: Running) -> None:
    answer = server.post(PATH, None)
    assert (answer.status, answer.json["verb"], answer.json["arguments"]) == (202, "watch", {})
    assert answer.headers["location"] == f"/v1/jobs/{answer.json['id']}"
    assert server.post(PATH, None).json["id"] == answer.json["id"]

    other = server.post(f"{PATH}?version=2", None)
    assert (other.status, other.json["arguments"]) == (202, {"version": 2})
    assert other.json["id"] != answer.json["id"]


def test_a_key_makes_one_job(server: Running) -> None:
    first = server.post(PATH, None, Idempotency_Key="k1")
    assert server.post(PATH, None, Idempotency_Key="k1").json["id"] == first.json["id"]
    other = server.post(f"{PATH}?version=2", None, Idempotency_Key="k1")
    assert (other.status, other.json["code"]) == (422, "idempotency_mismatch")
    assert server.post(PATH, None, Idempotency_Key="a b").json["code"] == "bad_idempotency_key"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/models/notes/watch?version=77", 404, "version_not_found"),
        ("/v1/models/notes/watch?version=x", 422, "invalid_parameter"),
        ("/v1/models/none/watch", 404, "model_not_found"),
    ],
)
def test_what_is_not_there_is_not_watched(server: Running, path: str, status: int, code: str) -> None:
    answer = server.post(path, None)
    assert (answer.status, answer.json["code"]) == (status, code)


def test_looks_do_not_pile_up(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "MOST_WAITING", 2)
    for key in ("a", "b"):
        assert server.post(PATH, None, Idempotency_Key=key).status == 202
    assert server.post(PATH, None, Idempotency_Key="c").json["code"] == "overloaded"
