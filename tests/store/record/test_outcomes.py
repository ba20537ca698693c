"""Outcomes are kept all or none, stay when they are corrected, and the last that was told counts."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.event import listen

from assay.domain.outcome import About, Outcome, Told
from assay.store.database import Database
from assay.store.paging import Window
from assay.store.record import outcomes
from assay.store.record.outcomes import CHUNK, Kind, Outcomes
from assay.store.record.recorder import Entry, Recorder
from tests import rows

IDS = [f"{place:032x}" for place in range(1, CHUNK + 10)]


@pytest.fixture
def kept(database: Database) -> Outcomes:
    recorder = Recorder(database)
    recorder.record([Entry(None, [rows.prediction_values(id=one, version=3) for one in IDS])])
    recorder.close()
    return Outcomes(database)


def told(prediction: str, value: float = 2.5, observed_at: int = 7) -> Told:
    return Told(prediction=prediction, value=value, observed_at=observed_at)


def test_an_outcome_knows_model_and_version_of_its_prediction(kept: Outcomes) -> None:
    (made,) = kept.add([told(IDS[0], 1.25)], "e" * 32)
    assert isinstance(made, Outcome)
    assert (made.prediction, made.model, made.version, made.value, made.observed_at) == (IDS[0], "stone", 3, 1.25, 7)
    assert kept.page(Window()).entries == [made]
    assert (*made.__struct_fields__, "labels") == tuple(outcomes.outcomes.columns.keys())


def test_all_are_kept_or_none(kept: Outcomes) -> None:
    assert kept.add([told(IDS[0]), told("f" * 32), told(IDS[1]), told("")]) == [1, 3]
    assert kept.page(Window()).entries == []
    assert len(kept.add([told(one) for one in IDS])) == len(IDS)
    assert len(kept.of(IDS)) == len(IDS)


def test_a_correction_counts_and_what_it_corrects_stays(kept: Outcomes) -> None:
    kept.add([told(IDS[0], 1.0), told(IDS[1], 5.0), told(IDS[0], 2.0)])  # also within one list
    assert {one: found.value for one, found in kept.of(IDS[:3]).items()} == {IDS[0]: 2.0, IDS[1]: 5.0}
    kept.add([told(IDS[0], 3.0)])
    assert kept.of([IDS[0]])[IDS[0]].value == 3.0
    assert [one.value for one in kept.page(Window(), prediction=IDS[0]).entries] == [3.0, 2.0, 1.0]


def test_a_page_goes_on_where_the_one_before_ended(kept: Outcomes) -> None:
    kept.add([told(one, float(place)) for place, one in enumerate(IDS[:5])])
    first = kept.page(Window(limit=3), model="stone")
    second = kept.page(Window(limit=3, cursor=first.next_cursor), model="stone")
    assert [one.value for one in (*first.entries, *second.entries)] == [4.0, 3.0, 2.0, 1.0, 0.0]
    assert (second.next_cursor, kept.page(Window(), model="other").entries) == (None, [])


EVER = 2**63 - 1


def about(database: Database, number: int, entity: str = "users/a", **told: Any) -> str:
    """An answer about an entity, given at this microsecond; its id."""
    id = f"{number:032x}"
    values = rows.prediction_values(**({"id": id, "at": number, "model": "interests"} | told))
    recorder = Recorder(database)
    recorder.record([Entry(None, [(*values, None, entity)])])
    recorder.close()
    return id


def test_an_entity_stands_for_the_last_answer_about_it_until_then(database: Database) -> None:
    first, second = about(database, 100), about(database, 200)
    about(database, 300, role="shadow")
    about(database, 400, model="other")
    other = about(database, 150, entity="users/b")
    asked = [
        About("interests", "users/a", EVER), About("interests", "users/a", 199), About("interests", "users/a", 99),
        About("interests", "users/b", EVER), About("interests", "users/c", EVER), About("other", "users/b", EVER),
        About("interests", "users/a", 200),
    ]  # fmt: skip
    assert Outcomes(database).about(asked) == [second, first, None, other, None, None, second]
    assert Outcomes(database).about([]) == []


def test_what_was_told_of_an_entity_is_found(database: Database) -> None:
    ids = [
        about(database, 1),
        about(database, 2),
        about(database, 3, entity="users/b"),
        about(database, 4, model="other"),
    ]
    kept = Outcomes(database)
    assert len(kept.add([told(one) for one in ids])) == len(ids)
    found = kept.page(Window(), model="interests", entity="users/a").entries
    assert [one.prediction for one in found] == [ids[1], ids[0]]
    assert [one.prediction for one in kept.page(Window(), entity="users/a").entries] == [ids[3], ids[1], ids[0]]
    assert kept.page(Window(), entity="users/c").entries == []


def test_many_entities_are_found_in_few_queries_by_their_index(database: Database) -> None:
    ids = [about(database, number, entity=f"users/{number}") for number in range(1, 8)]
    queries: list[str] = []
    plans: list[str] = []
    engine = database.engine  # type: ignore[attr-defined]  # both kinds have one

    def noted(connection: Any, cursor: Any, query: str, told: Any, *_: Any) -> None:
        queries.append(query)
        if (
            "wanted" in query and database.kind == "sqlite"
        ):  # PostgreSQL reads so few rows through whichever way is shortest
            cursor.execute(f"EXPLAIN QUERY PLAN {query}", told)
            plans.append(" ".join(str(row[-1]) for row in cursor.fetchall()))

    listen(engine, "before_cursor_execute", noted)
    asked = [About("interests", f"users/{1 + place % 7}", EVER) for place in range(CHUNK + 10)]
    assert Outcomes(database).about(asked) == [ids[place % 7] for place in range(CHUNK + 10)]
    assert sum("wanted" in one for one in queries) == 2
    assert all("ix_predictions_entity (entity=?" in one and "ORDER BY" not in one for one in plans)
    assert len(plans) == (2 if database.kind == "sqlite" else 0)


def test_what_can_be_true_is_known_by_what_was_answered(database: Database) -> None:
    number = about(database, 1)
    labels = about(database, 2, version=2, answer='{"b":0.5,"a":null}')
    timed = about(database, 3, version=3, answer='{"b":[0.5]}')
    assert Outcomes(database).kinds([number, labels, timed, "f" * 32]) == {
        number: Kind(), labels: Kind(("b", "a")), timed: Kind(("b",), timed=True),
    }  # fmt: skip


def test_labels_are_kept_as_they_were_told_also_none(kept: Outcomes) -> None:
    for told_labels in (("b", "a"), ()):
        kept.add([Told(prediction=IDS[0], value=told_labels, observed_at=7)])
        found = kept.of([IDS[0]])[IDS[0]]
        assert (found.value, found.number) == (told_labels, float(len(told_labels)))
