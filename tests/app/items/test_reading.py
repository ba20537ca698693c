"""Readers are given what stands, what stood at a time, or what a version said, narrowed to what they ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from assay.app import Assay
from assay.app.items import reading
from assay.clock import now_us
from assay.domain.items.collection import Items, Wanted
from assay.domain.items.item import Item
from assay.domain.items.score import Score
from assay.domain.releases.rollout import Arm
from assay.errors import BadCursor, ItemNotFound, ModelNotFound, ParameterInvalid
from assay.store.items.failures import Failed
from assay.store.items.groups import Group
from assay.store.items.sweeps import Work
from assay.store.paging import Window
from tests import said, stamped

NAME = stamped.name(1)
LABELS = ("low", "middle", "high")


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    with stamped.opened(tmp_path / "home") as opened:
        yield opened


@pytest.fixture
def item(assay: Assay) -> Item:
    return stamped.keep(assay, [1], bytes_too=False)[0]


def collection(assay: Assay) -> Items:
    return assay.application.collection(stamped.COLLECTION)


def score(assay: Assay, item: Item, version: int = 1, **told: Any) -> Score:
    """A set of three labels: a hundredth of the version, then the second over ten, then nothing."""
    values = np.full((said.SECONDS, 3), np.nan, "<f4")
    values[:, 0], values[:, 1] = version / 100, np.arange(said.SECONDS) / 10
    made = said.score(item, version, labels=LABELS, confidences=values.tobytes(), **told)
    work = Work(stamped.COLLECTION, stamped.MODEL, version, made.run)
    begun = assay.sweeps.begin(work, decision=1, seen=0, wanted=0, pending=0)
    assay.groups.add(Group(sweep=begun.id, model=stamped.MODEL, version=version, sets=[made]))
    return made


def asked(told: dict[str, Any]) -> Wanted:
    """What a reader asks for."""
    return cast(Wanted, told)


def entries(assay: Assay, **wanted: Any) -> list[tuple[str, int, float]]:
    (found,) = reading.readings(assay, collection(assay), NAME, asked(wanted))
    return [(one.label, one.second, one.confidence) for one in found.confidences]


def versions(told: reading.Told) -> list[int]:
    return [one.version for one in told.sets]


def tell(assay: Assay, run: int | None = None, **wanted: Any) -> reading.Told:
    return reading.tell(assay, collection(assay), NAME, asked(wanted), run)


def test_an_item_waits_until_it_is_scored_or_fails(assay: Assay, item: Item) -> None:
    stamped.rule(assay, 1)
    assert (tell(assay).status, tell(assay).sets) == ("waiting", [])
    begun = assay.sweeps.begin(
        Work(stamped.COLLECTION, stamped.MODEL, 1), decision=1, seen=0, wanted=0, pending=0
    )  # fmt: skip
    failed = Group(sweep=begun.id, model=stamped.MODEL, version=1, failed=[Failed(item.id, "a", "because")])
    assay.groups.add(failed)
    found = tell(assay)
    assert (found.status, [one.code for one in found.failures]) == ("failing", ["a"])
    made = score(assay, item)
    found = tell(assay)
    assert (found.status, found.sets, found.decisions, found.failures) == ("scored", [made], {made.id: 1}, [])
    with pytest.raises(ItemNotFound):
        reading.tell(assay, collection(assay), "nothing", Wanted())
    with pytest.raises(ModelNotFound):
        tell(assay, model="nothing")


def test_confidences_are_told_by_second_and_label_and_what_was_not_told_is_left_out(assay: Assay, item: Item) -> None:
    stamped.rule(assay, 1)
    score(assay, item)
    every = [
        ("low", 0, 0.01),
        ("middle", 0, 0.0),
        ("low", 1, 0.01),
        ("middle", 1, 0.1),
        ("low", 2, 0.01),
        ("middle", 2, 0.2),
    ]
    assert entries(assay) == every
    (found,) = reading.readings(assay, collection(assay), NAME, Wanted())
    assert (found.item, found.model, found.version, found.seconds, found.labels) == (
        item.id, stamped.MODEL, 1, said.SECONDS, LABELS,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"label": "low"}, [("low", 0, 0.01), ("low", 1, 0.01), ("low", 2, 0.01)]),
        ({"label": "high"}, []),
        ({"min_confidence": 0.1}, [("middle", 1, 0.1), ("middle", 2, 0.2)]),
        ({"min_confidence": 1.0}, []),
        ({"from_s": 1.0, "to_s": 2.0, "label": "middle"}, [("middle", 1, 0.1)]),
        ({"from_s": 1.5, "label": "middle"}, [("middle", 2, 0.2)]),
        ({"to_s": 0.5, "label": "middle"}, [("middle", 0, 0.0)]),
        ({"from_s": 99.0}, []),
    ],
)
def test_what_is_asked_for_narrows_it(assay: Assay, item: Item, wanted: Any, expected: Any) -> None:
    stamped.rule(assay, 1)
    score(assay, item)
    assert entries(assay, **wanted) == expected


def test_a_label_that_no_version_knows_is_refused(assay: Assay, item: Item) -> None:
    with pytest.raises(ParameterInvalid, match="low, middle, high"):
        tell(assay, label="nothing")
    assert tell(assay, label="low").sets == []


def test_a_version_or_a_run_is_told_whether_it_stands_or_not(assay: Assay, item: Item) -> None:
    stamped.rule(assay, 2)
    first, later = score(assay, item, 1, run=5), score(assay, item, 1, run=9)
    standing = score(assay, item, 2)
    assert versions(tell(assay)) == [2]
    assert tell(assay, version=1).sets == [later]
    assert tell(assay, version=1).decisions == {}
    assert tell(assay, run=5).sets == [first]
    assert tell(assay, version=1, run=5, model=stamped.MODEL).sets == [first]
    assert (tell(assay, version=7).sets, tell(assay, version=7).status) == ([], "waiting")
    every = reading.tell_all(assay, collection(assay), NAME, Wanted())
    assert {one.id for one in every.sets} == {later.id, standing.id}
    assert every.decisions == {standing.id: 1}


def test_what_stood_at_a_time_is_what_the_newest_decision_had(assay: Assay, item: Item) -> None:
    at = now_us() + 1_000_000
    times = {name: at + place * 1_000_000 for place, name in enumerate(("rule 1", "1", "rule 2", "2", "back", "end"))}
    stamped.rule(assay, 1, at=times["rule 1"])
    score(assay, item, 1, at=times["1"])
    stamped.rule(assay, 2, at=times["rule 2"])
    score(assay, item, 2, at=times["2"])
    stamped.rule(assay, 1, at=times["back"])
    found = {name: versions(tell(assay, as_of=moment + 1)) for name, moment in times.items()}
    assert found == {"rule 1": [], "1": [1], "rule 2": [1], "2": [2], "back": [1], "end": [1]}
    assert tell(assay, as_of=times["2"] + 1, model=stamped.MODEL).sets[0].version == 2
    with pytest.raises(ItemNotFound):
        tell(assay, as_of=item.at - 1)


def test_what_stood_is_told_of_the_bytes_that_had_the_name_then(assay: Assay, item: Item) -> None:
    stamped.rule(assay, 1, at=1)
    score(assay, item, at=item.at)
    between = now_us()
    (new,) = stamped.keep(assay, [1], seconds=5, bytes_too=False)
    score(assay, new)
    then, now = tell(assay, as_of=between), tell(assay, as_of=now_us())
    assert (then.item.id, then.sets[0].item, now.item.id) == (item.id, item.id, new.id)


def test_an_arm_stood_where_the_item_was_its_own(assay: Assay, item: Item) -> None:
    arms = (Arm(version=1, share=0.5), Arm(version=2, share=0.5))
    rollout = stamped.rule(assay, 1, experiment="x", arms=arms, at=1)
    for version in (1, 2):
        score(assay, item, version)
    assert versions(tell(assay, as_of=now_us())) == [rollout.choose(item.digest)]


def test_sets_are_told_page_by_page(assay: Assay, item: Item) -> None:
    made = [score(assay, item, version, id=f"{version:032x}") for version in (1, 2, 3)]
    sets = made[::-1]
    first = reading.part(sets, Window(limit=2))
    assert first.entries == sets[:2]
    assert reading.part(sets, Window(limit=2, cursor=first.next_cursor)).entries == sets[2:]
    with pytest.raises(BadCursor):
        reading.part(sets, Window(cursor="nonsense"))


def test_a_history_is_of_all_that_had_the_name(assay: Assay, item: Item) -> None:
    stamped.rule(assay, 1)
    old = score(assay, item)
    (new,) = stamped.keep(assay, [1], seconds=5, bytes_too=False)
    made = score(assay, new)
    page, standing = reading.history(assay, collection(assay), NAME, Window())
    assert [(one.id, one.item) for one in page.entries] == [(made.id, new.id), (old.id, item.id)]
    assert standing == {made.id}
    assert reading.history(assay, collection(assay), NAME, Window(), "notes")[0].entries == page.entries
    with pytest.raises(ModelNotFound):
        reading.history(assay, collection(assay), NAME, Window(), "nothing")
    with pytest.raises(ItemNotFound):
        reading.history(assay, collection(assay), "nothing", Window())
