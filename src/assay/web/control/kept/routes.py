"""The routers about kept inputs: those of addresses below an item's come first, whose last words would be taken for names."""

from __future__ import annotations

from assay.web.control.kept import items, scores, sweeps

ROUTERS = (scores.router, items.router, sweeps.router)
