"""The door has the routes of tasks from one place."""

from __future__ import annotations

from assay.web.predictions import PredictRoute
from assay.web.tasks.routes import JobRoute, LaterRoute


def test_a_client_that_prefers_nothing_is_answered_by_the_same_route_as_ever() -> None:
    assert issubclass(LaterRoute, PredictRoute)
    assert callable(JobRoute.takes)
