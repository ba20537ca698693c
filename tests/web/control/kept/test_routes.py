"""An address below an item's is not taken for an item's name."""

from __future__ import annotations

from fastapi.routing import APIRoute

from assay.domain.items.name import LAST_WORDS
from assay.web.control.kept.routes import ROUTERS


def test_addresses_below_an_item_come_before_its_own() -> None:
    paths = [route.path for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    own = paths.index("/v1/items/{collection}/{name:path}")
    below = {path.rpartition("/")[2]: place for place, path in enumerate(paths) if "{name:path}/" in path}
    assert sorted(below) == sorted(LAST_WORDS)
    assert all(place < own for place in below.values())
