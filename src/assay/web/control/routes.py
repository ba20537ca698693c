"""Every router of the control plane, in the order in which the documentation shows them."""

from __future__ import annotations

from assay.web.control import health, jobs, models, reasons, records, releases
from assay.web.control.given import datasets, outcomes, queries, training

ROUTERS = (
    models.router, training.router, releases.router, reasons.router, datasets.router, queries.router, records.router,
    outcomes.router, jobs.router, health.router,
)  # fmt: skip
