"""What readers are given moves forward: to later decisions, and within one to later runs."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from assay.domain.items.score import Standing
from assay.store.database import Database
from assay.store.items.standings import stand, standing_of, standings


def standing(item: str = "a", **told: Any) -> Standing:
    made: dict[str, Any] = {"item": item, "model": "m", "score": "s", "version": 1, "run": 0, "decision": 5, "at": 1}
    return Standing(**(made | told))


def known(database: Database) -> dict[str, Standing]:
    with database.reading() as connection:
        return {row.item: standing_of(row) for row in connection.execute(select(standings))}


@pytest.mark.parametrize(
    ("told", "moves"),
    [
        ({"decision": 6}, True),
        ({"decision": 5, "run": 4}, True),
        ({"decision": 5, "run": 3, "score": "anew"}, True),
        ({"decision": 5, "run": 2}, False),
        ({"decision": 4, "run": 9}, False),
    ],
)
def test_a_standing_never_goes_back(database: Database, told: dict[str, Any], moves: bool) -> None:
    first, second = standing(run=3), standing(**{"run": 0, "version": 2, **told})
    with database.writing() as connection:
        assert stand(connection, [first]) == [first]
        assert stand(connection, [second]) == ([second] if moves else [])
    assert known(database) == {"a": second if moves else first}


def test_each_item_and_model_has_its_own(database: Database) -> None:
    with database.writing() as connection:
        assert stand(connection, []) == []
        assert len(stand(connection, [standing("a"), standing("b", decision=9)])) == 2
        assert stand(connection, [standing("a", model="other", decision=1)]) != []
        assert [one.item for one in stand(connection, [standing("a", decision=8), standing("b", decision=8)])] == ["a"]
    assert {one.decision for one in known(database).values()} <= {1, 8, 9}


def test_where_nothing_is_minded_it_goes_back(database: Database) -> None:
    with database.writing() as connection:
        stand(connection, [standing(decision=5)])
        stand(connection, [standing(decision=2)], whatever=True)
    assert known(database)["a"].decision == 2
