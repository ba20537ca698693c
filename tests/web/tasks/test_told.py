"""A job is told without what is internal, and a task without what was asked."""

from __future__ import annotations

import json

from assay.domain.job import Job
from assay.store.work.leases import BESIDE
from assay.web.tasks.told import accepted_headers, accepted_id, accepted_json, job_json, sentence

JOB = Job(
    id="ab" * 16, at=1_000_000, verb="predict", model="stone", arguments={"version": None, "questions": 2}, total=2
)


def test_the_answer_that_a_job_was_accepted_leads_to_it() -> None:
    told = json.loads(accepted_json(JOB))
    assert (told["id"], told["task_id"], told["state"], told["status"]) == (JOB.id, JOB.id, "queued", "queued")
    assert told["links"] == {"self": f"/v1/jobs/{JOB.id}"}
    assert accepted_id(accepted_json(JOB)) == JOB.id
    headers = dict(accepted_headers(JOB.id))
    assert (headers[b"location"], headers[b"retry-after"]) == (f"/v1/jobs/{JOB.id}".encode(), b"1")


def test_nothing_internal_is_told() -> None:
    job = Job(
        id="a", at=1, verb="train", token="secret", worker="host/1", lease_boot="b", log=f"said\n{BESIDE}/home/x\n"
    )
    told = job_json(job)
    assert not {"token", "worker", "lease_until", "lease_boot", "key"} & set(told)
    assert told["log"] == "said"


def test_an_error_is_told_without_places_and_an_authors_words() -> None:
    assert sentence("data_invalid", "no file /srv/data/rows.csv") == "no file rows.csv"
    assert "4711" not in sentence("model_error", "the secret is 4711")
