"""Of what is done every few seconds only the newest jobs are kept, and those that did not go well."""

from __future__ import annotations

from assay.clock import new_id, now_us
from assay.domain.job import Job
from assay.store.database import Database
from assay.store.paging import Window
from assay.store.work.jobs import Jobs
from assay.store.work.thinning import thin


def test_only_the_newest_that_went_well_are_kept(database: Database) -> None:
    jobs = Jobs(database)
    made = [
        jobs.add(Job(id=new_id(), at=now_us(), verb=verb, model=model, state=state))  # type: ignore[arg-type]  # words of a table
        for verb, model, state in [
            *[("shadow", "stone", "succeeded")] * 5, ("shadow", "stone", "failed"), ("shadow", "stone", "queued"),
            ("shadow", "other", "succeeded"), ("train", "stone", "succeeded"),
        ]
    ]  # fmt: skip
    with database.writing() as connection:
        thin(connection, "shadow", "stone", 2)
    left = {one.id for one in jobs.page(Window(limit=100)).entries}
    assert [one.id for one in made if one.id not in left] == [one.id for one in made[:3]]
    with database.writing() as connection:
        thin(connection, "shadow", "stone", 2)
    assert {one.id for one in jobs.page(Window(limit=100)).entries} == left
