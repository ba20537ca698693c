"""The routes that the door itself has for tasks."""

from __future__ import annotations

from assay.web.tasks.fetching import JobRoute
from assay.web.tasks.submitting import LaterRoute

__all__ = ["JobRoute", "LaterRoute"]
