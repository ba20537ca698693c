"""Outcomes are kept all or none, stay when they are corrected, and the last that was told counts."""

from __future__ import annotations

import pytest

from assay.domain.outcome import Outcome, Told
from assay.store.database import Database
from assay.store.paging import Window
from assay.store.record import outcomes
from assay.store.record.outcomes import CHUNK, Outcomes
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
    assert made.__struct_fields__ == tuple(outcomes.outcomes.columns.keys())


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
