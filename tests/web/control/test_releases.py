"""Who answers and who answered, what was found about it, and who changed what, over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assay.clock import iso, new_id, now_us
from assay.domain.releases.verdict import Check, Verdict
from tests import rows, tiny
from tests.web.control.test_records import walk
from tests.web.running import Running, eventually


def verdict(running: Running, **told: Any) -> Verdict:
    """One more verdict."""
    made: dict[str, Any] = {
        "id": new_id(), "at": now_us(), "model": "stone", "version": tiny.ROUGH, "kind": "gate", "outcome": "failed",
        "against": tiny.LINEAR, "checks": (Check(name="size", passed=False, detail="too many bytes"),),
        "evidence": {"size_bytes": 7}, "by": "a test",
    }  # fmt: skip
    return running.assay.verdicts.add(Verdict(**(made | told)))


def test_who_answers_is_told_with_the_reason_and_the_verdict(server: Running) -> None:
    told = server.get("/v1/models/stone/rollout").json
    ruling = server.assay.ruling("stone")
    assert (told["model"], told["champion"], told["previous"], told["by"]) == (
        "stone",
        tiny.LINEAR,
        None,
        "assay train",
    )
    assert (told["since"], told["reason"]) == (iso(ruling.at), ruling.reason)
    found = server.get(f"/v1/verdicts/{told['verdict']}").json
    assert (found["version"], found["outcome"], found["kind"]) == (tiny.LINEAR, "passed", "gate")


def test_who_answered_at_a_time_is_told(own_server: Running) -> None:
    before = own_server.assay.ruling("stone").at
    at = now_us()
    own_server.assay.rollouts.append(rows.rollout(tiny.ROUGH, at=at))
    champions = [
        own_server.get(f"/v1/models/stone/rollout?at={iso(moment)}").json["champion"]
        for moment in (before, at - 1, at, at + 1)
    ]
    assert champions == [tiny.LINEAR, tiny.LINEAR, tiny.ROUGH, tiny.ROUGH]
    now = own_server.get("/v1/models/stone/rollout").json
    assert (now["champion"], now["previous"], now["verdict"]) == (tiny.ROUGH, tiny.LINEAR, None)
    assert own_server.get(f"/v1/models/stone/rollout?at={iso(before - 1)}").status == 404
    assert own_server.get("/v1/models/stone/rollout?at=2026-03-03T12:00:00%2B02:00").status in (200, 404)


@pytest.mark.parametrize("at", ["yesterday", "2026-03-03", "2026-03-03T12:00:00", "", "0"])
def test_what_is_no_time_is_refused(server: Running, at: str) -> None:
    answer = server.get(f"/v1/models/stone/rollout?at={at}")
    assert (answer.status, answer.json["code"]) == (422, "invalid_parameter")


@pytest.mark.parametrize("path", ["rollout", "verdicts", "rollout?at=2999-01-01T00:00:00Z"])
def test_a_model_that_is_not_there_is_not_found(server: Running, path: str) -> None:
    answer = server.get(f"/v1/models/gem/{path}")
    assert (answer.status, answer.json["code"]) == (404, "model_not_found")


def test_verdicts_are_listed_the_newest_first_and_filtered(own_server: Running) -> None:
    made = [verdict(own_server).id for _ in range(5)]
    guard = verdict(own_server, kind="guard", outcome="passed").id
    seen = [one["id"] for one in walk(own_server, "/v1/models/stone/verdicts?limit=2")]
    assert seen[:6] == [guard, *reversed(made)]
    assert len(seen) == len(set(seen)) == 7
    for query, count in (("kind=guard", 1), ("outcome=failed", 5), (f"version={tiny.ROUGH}", 6), ("kind=proof", 0)):
        assert len(walk(own_server, f"/v1/models/stone/verdicts?{query}")) == count
    (shown,) = [one for one in walk(own_server, "/v1/models/stone/verdicts") if one["id"] == made[0]]
    assert shown == own_server.get(f"/v1/verdicts/{made[0]}").json
    assert shown["checks"] == [{"name": "size", "passed": False, "detail": "too many bytes"}]
    assert (shown["evidence"], shown["against"], shown["at"][-1]) == ({"size_bytes": 7}, tiny.LINEAR, "Z")


@pytest.mark.parametrize("query", ["kind=trial", "outcome=good", "version=0", "version=x", "champion=1", "limit=0"])
def test_a_filter_that_cannot_be_meant_is_refused(server: Running, query: str) -> None:
    answer = server.get(f"/v1/models/stone/verdicts?{query}")
    assert (answer.status, answer.json["code"]) == (422, "invalid_parameter")


@pytest.mark.parametrize("one", ["x", "0" * 32, "%00"])
def test_a_verdict_that_is_not_there_is_not_found(server: Running, one: str) -> None:
    assert server.get(f"/v1/verdicts/{one}").status == 404


def test_every_change_is_in_the_audit(own_server: Running, tmp_path: Path) -> None:
    own_server.assay.promote("stone", tiny.ROUGH, by="Ada", reason="for a change")
    eventually(lambda: own_server.get("/readyz").json["models"]["stone"] == tiny.ROUGH)
    newest, *others = walk(own_server, "/v1/audit?limit=1")
    assert (newest["action"], newest["subject"], newest["by"], newest["reason"]) == (
        "promote", "stone", "Ada", "for a change",
    )  # fmt: skip
    assert (newest["before"], newest["after"], newest["at"][-1]) == (tiny.LINEAR, tiny.ROUGH, "Z")
    assert len(others) >= 1
    assert walk(own_server, "/v1/audit?action=promote&subject=stone")[0] == newest
    assert walk(own_server, "/v1/audit?action=delete") == walk(own_server, "/v1/audit?subject=gem") == []


@pytest.mark.parametrize(
    "path", ["/v1/audit?by=Ada", "/v1/audit?limit=x", "/v1/verdicts/x?a=1", "/v1/models/stone/rollout?n=1"]
)
def test_a_parameter_that_nobody_reads_is_refused(server: Running, path: str) -> None:
    assert server.get(path).status == 422
