"""`GET /v1/jobs/{id}` as plain ASGI: whoever has submitted many tasks asks for many, and each is looked for with others."""

from __future__ import annotations

import re

import msgspec

from assay.web.process import Process
from assay.web.requests import Request, Send, reply
from assay.web.tasks.preferring import LONGEST_WAIT_S
from assay.web.tasks.told import ADDRESS, job_json

ORDINARY = re.compile(rf"{ADDRESS}/([0-9a-f]{{32}})")
WAIT = re.compile("wait=([0-9]{1,2})")


class JobRoute:
    """Takes what is beyond doubt; everything else is for the control plane, which says what is wrong with it."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @staticmethod
    def takes(request: Request) -> bool:
        """Whether it is a good question for one job."""
        if request.method != "GET" or not ORDINARY.fullmatch(request.path):
            return False
        return not request.query or _wait_s(request) is not None

    async def __call__(self, request: Request, send: Send) -> None:
        """Answers; raises JobNotFound, StoreUnavailable or Unstorable."""
        id = request.path[len(ADDRESS) + 1 :]
        job = await self._process.desk.ended(id, _wait_s(request) or 0)
        body = msgspec.json.encode(job_json(job))
        await self._process.keep(request, 200, body, whole=False)
        again = [] if job.ended else [(b"retry-after", b"1")]
        headers = [
            (b"cache-control", b"no-store"), *again, (b"content-type", b"application/json"),
            (b"x-request-id", request.id.encode()),
        ]  # fmt: skip
        await reply(send, 200, body, headers)


def _wait_s(request: Request) -> int | None:
    found = WAIT.fullmatch(request.query)
    return int(found[1]) if found and int(found[1]) <= LONGEST_WAIT_S else None
