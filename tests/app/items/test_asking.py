"""Whoever wants a sweep now gets the job that does it, and nothing rests any longer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.app import Assay
from assay.app.items.asking import sweep, sweep_now
from assay.errors import ModelNotFound
from assay.store.items import failures
from assay.store.items.failures import Failed
from assay.store.items.sweeps import Work
from tests import stamped


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    with stamped.opened(tmp_path / "home") as opened:
        yield opened


def test_it_is_queued_once(assay: Assay) -> None:
    collection = assay.application.collection(stamped.COLLECTION)
    (first,) = sweep_now(assay, collection, None, "me")
    assert sweep_now(assay, collection, stamped.MODEL, "you") == [first]
    assert sweep(assay, stamped.MODEL, "you") == first
    assert (first.verb, first.model, first.by) == ("rescore", stamped.MODEL, "me")
    with pytest.raises(ModelNotFound):
        sweep_now(assay, collection, "nothing", "me")


def test_what_rests_is_tried_again(assay: Assay) -> None:
    (item,) = stamped.keep(assay, [1])
    assay.sweeps.rest(Work(stamped.COLLECTION, stamped.MODEL, 1), "a", "because")
    with assay.database.writing() as connection:
        failures.fail(connection, stamped.MODEL, 1, [Failed(item.id, "a", "")], assay.database.now(connection))
    sweep(assay, stamped.MODEL, "me")
    (failure,) = assay.failures.of_item(item.id)
    resting = assay.sweeps.newest(stamped.COLLECTION, stamped.MODEL, 1)
    assert resting is not None
    assert (failure.retry_at, resting.retry_at) == (0, 0)
