"""The routers about what clients give: rows, trainings, questions in batches, and the truth."""

from __future__ import annotations

from assay.web.control.given import datasets, outcomes, queries, training, watching

ROUTERS = (training.router, watching.router, datasets.router, queries.router, outcomes.router)
