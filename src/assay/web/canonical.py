"""The canonical routes as an application's own routes reach them, where they are other spellings of the same."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from assay.web.problems import PassedOn
from assay.web.requests import Captured


class Canonical:
    """The canonical routes, for routes of an application that are other spellings of them: `request.app.state.ask`.

    It is one exchange: what is recorded is the request that came. Predictions are asked of the model, not here.
    """

    def __init__(self, api: Callable[..., Awaitable[None]]) -> None:
        self._api = api

    async def __call__(self, method: str, path: str, body: Any = None, **parameters: Any) -> Any:
        """The answer's JSON, None where it has none; a refusal is raised, and passed on to the client as it is."""
        captured = Captured(b"" if body is None else msgspec.json.encode(body))
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": path, "raw_path": quote(path).encode(), "query_string": urlencode(parameters).encode(), "root_path": "",
            "headers": [(b"content-type", b"application/json")], "client": None, "server": None, "state": {},
        }  # fmt: skip
        await self._api(scope, captured.receive, captured.send)
        answer = b"".join(captured.body)
        if captured.status >= 400:
            raise PassedOn(captured.status, answer)
        return msgspec.json.decode(answer) if answer else None
