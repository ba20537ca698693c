"""No address of the control plane is there twice, and each has its version or is known without one."""

from __future__ import annotations

from collections import Counter

from fastapi.routing import APIRoute

from assay.web.control.routes import ROUTERS

UNVERSIONED = {"/", "/livez", "/readyz", "/docs", "/docs/{name}", "/openapi.json"}


def test_each_method_of_an_address_is_one_route() -> None:
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    told = Counter((method, route.path) for route in routes for method in route.methods or ())
    assert [one for one, count in told.items() if count > 1] == []
    assert {path for _, path in told if not path.startswith("/v1/")} <= UNVERSIONED
