"""A verdict is kept whole, with its evidence, and found again by what it is about."""

from __future__ import annotations

import threading
from typing import Any

import msgspec

from assay.clock import new_id, now_us
from assay.domain.releases.verdict import Check, Verdict
from assay.store.database import Database
from assay.store.paging import Window
from assay.store.releases.verdicts import Verdicts


def verdict(**told: Any) -> Verdict:
    known: dict[str, Any] = {"model": "stone", "version": 2, "kind": "gate", "outcome": "passed"}
    return Verdict(id=new_id(), at=now_us(), **(known | told))


def test_it_comes_back_as_it_was_kept(database: Database) -> None:
    verdicts = Verdicts(database)
    made = verdict(
        against=1, dataset="d" * 64, checks=(Check(name="metric", passed=True, detail="better by 3 %"),),
        evidence={"rows": 221, "biggest": [{"before": 1.0, "after": 2.0}]}, by="me",
    )  # fmt: skip
    assert verdicts.add(made) == made
    assert verdicts.page("stone") == [made]
    odd = verdict(
        kind="control", outcome="warned", checks=(Check(name="shift", passed=True, warned=True, detail="far"),)
    )
    verdicts.add(odd)
    assert verdicts.page("stone", kind="control", outcome="warned") == [odd]


def test_the_newest_come_first_and_filters_narrow(database: Database) -> None:
    verdicts = Verdicts(database)
    made = [
        verdicts.add(verdict()), verdicts.add(verdict(version=3, outcome="failed")), verdicts.add(verdict(kind="guard")),
        verdicts.add(verdict(model="glass")),
    ]  # fmt: skip
    assert verdicts.page("stone") == [made[2], made[1], made[0]]
    assert verdicts.page("stone", version=3) == [made[1]]
    assert verdicts.page("stone", kind="guard") == [made[2]]
    assert verdicts.page("stone", outcome="failed") == [made[1]]
    assert verdicts.page("stone", limit=1) == [made[2]]


def test_a_verdict_is_found_by_its_id_and_all_of_them_page_by_page(database: Database) -> None:
    verdicts = Verdicts(database)
    made = [verdicts.add(verdict(kind="guard" if i % 2 else "gate")) for i in range(7)]
    assert verdicts.find(made[3].id) == made[3]
    assert verdicts.find("x") is None
    first = verdicts.window(Window(limit=3), "stone", kind="gate")
    assert [one.id for one in first.entries] == [made[6].id, made[4].id, made[2].id]
    rest = verdicts.window(Window(limit=3, cursor=first.next_cursor), "stone", kind="gate")
    assert (rest.entries, rest.next_cursor) == ([made[0]], None)


def test_the_verdict_behind_a_decision_is_the_gates_newest_before_it(database: Database) -> None:
    verdicts = Verdicts(database)
    early, late = (Verdict(**_fields(verdict()) | {"at": at}) for at in (100, 300))
    for one in (early, late, verdict(kind="guard"), verdict(version=9)):
        verdicts.add(one)
    assert verdicts.behind("stone", 2, 50) is None
    assert verdicts.behind("stone", 2, 100) == verdicts.behind("stone", 2, 299) == early
    assert verdicts.behind("stone", 2, 300) == late


def test_a_verdict_is_made_once_by_any_number_of_watchers(database: Database) -> None:
    verdicts = Verdicts(database)
    since = now_us()
    kept: list[bool] = []
    made = [verdict(kind="guard") for _ in range(12)]
    threads = [threading.Thread(target=lambda one=one: kept.append(verdicts.once(one, since=since))) for one in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(kept) == [False] * 11 + [True]
    assert len(verdicts.page("stone")) == 1
    assert verdicts.once(verdict(), since=since)  # of another kind
    assert verdicts.once(verdict(kind="guard"), since=now_us() + 1)


def _fields(one: Verdict) -> dict[str, Any]:
    return msgspec.structs.asdict(one)
