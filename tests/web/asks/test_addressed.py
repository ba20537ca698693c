"""Which model a predict address asks is told by its parts."""

from __future__ import annotations

import pytest

from assay.web.asks.addressed import asks
from assay.web.requests import Request
from tests import tiny
from tests.web.running import Running


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/v1/models/stone/predict", True),
        ("/v1/models/stone", False),
        ("/v1/models/a/b/predict", True),
        ("/predict", False),
    ],
)
def test_an_address_at_which_a_model_is_asked_is_known(path: str, asked: bool) -> None:
    assert asks(Request({"method": "GET", "path": path, "query_string": b"", "headers": []})) is asked


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/models/stone/predict", 405, "method_not_allowed"),
        ("POST", "/v1/models/none/predict", 404, "model_not_found"),
        ("POST", "/v1/models/stone/other/predict", 404, "not_found"),
        ("POST", "/v1/models/stone/versions/x/predict", 404, "version_not_found"),
        ("POST", "/v1/models/stone/versions/99/predict", 404, "version_not_found"),
    ],
)
def test_what_is_not_there_is_refused(server: Running, method: str, path: str, status: int, code: str) -> None:
    answer = server.ask(method, path, tiny.QUESTION if method == "POST" else None)
    assert (answer.status, answer.json["code"]) == (status, code)
