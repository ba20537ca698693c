"""What clients give has its routes, each below the control plane's own address."""

from __future__ import annotations

from fastapi.routing import APIRoute

from assay.web.control.given.routes import ROUTERS


def test_each_router_has_routes() -> None:
    for router in ROUTERS:
        paths = [route.path for route in router.routes if isinstance(route, APIRoute)]
        assert paths
        assert all(path.startswith("/v1/") for path in paths)
