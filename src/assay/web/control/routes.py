"""Every router of the control plane, in the order in which the documentation shows them."""

from __future__ import annotations

from assay.web.control import health, jobs, models, reasons, records, releases
from assay.web.control.features import tables
from assay.web.control.given import routes as given
from assay.web.control.kept import routes as kept

ROUTERS = (
    models.router, releases.router, reasons.router, *given.ROUTERS, *kept.ROUTERS, tables.router, records.router,
    jobs.router, health.router,
)  # fmt: skip
