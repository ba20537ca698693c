"""What has a long body, or a long answer, has a route of its own that streams."""

from __future__ import annotations

from assay.web.items.content import ContentRoute
from assay.web.items.streaming import Streams
from assay.web.items.upload import ItemRoute
from assay.web.requests import Request
from assay.web.uploads import UploadRoute
from tests.web.running import Running


def test_each_request_has_its_route_or_none(hearing: Running) -> None:
    streams = Streams(hearing.process)

    def route(method: str, path: str) -> type | None:
        found = streams.route(Request({"method": method, "path": path, "query_string": b"", "headers": []}))
        return None if found is None else type(found)

    assert route("POST", "/v1/datasets/mine/rows") is UploadRoute
    assert route("PUT", "/v1/items/files/one.wav") is ItemRoute
    assert route("PUT", "/files/one.wav") is ItemRoute
    assert route("GET", "/v1/items/files/one.wav/content") is ContentRoute
    assert [route(*one) for one in (("GET", "/files/one.wav"), ("PUT", "/v1/datasets/mine"), ("GET", "/"))] == [
        None
    ] * 3
