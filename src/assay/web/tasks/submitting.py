"""The predict route for a client that need not wait: the questions are accepted as a task, and answered in the background."""

from __future__ import annotations

import msgspec

from assay.app.tasks.webhooks import Webhooks
from assay.domain.given.task import Order
from assay.serving.loaded import LoadedVersion
from assay.serving.served import Served
from assay.web.predictions import PredictRoute
from assay.web.process import Process
from assay.web.requests import Headers, Request, Send, reply
from assay.web.tasks.accepting import ACCEPTED, Accepting, Wanted, accepted_again
from assay.web.tasks.preferring import PREFER, preference_of


class LaterRoute(PredictRoute):
    """`POST …/predict`, for clients that prefer something (RFC 7240) and for all others."""

    def __init__(self, process: Process) -> None:
        super().__init__(process)
        settings = process.settings
        self._webhooks = Webhooks(settings.webhook_secret, settings.webhook_hosts)

    async def __call__(self, request: Request, served: Served, version: LoadedVersion | None, send: Send) -> None:
        """Answers one request that was read; raises AssayError where it cannot, and then nothing was sent."""
        preference = preference_of(request.headers.get(PREFER))
        if preference is None:
            await super().__call__(request, served, version, send)
            return
        _, questions, _ = await self._taken(request, served, version)
        key = self.once.key(request)
        order = Order(
            version=None if version is None else version.number, exchange=request.id, subject=request.subject(),
            webhook=self._webhook(request), questions=msgspec.Raw(request.body),
        )  # fmt: skip
        wanted = Wanted(served.model, len(questions), key, preference.wait_s)
        accepting = Accepting(self._process, request, order, wanted)
        if key is None:
            await accepting.accept()
        elif (earlier := await self.once.answer(key, request, accepting.accept)) is not None:
            again = self._headers_again(request, earlier.status, earlier.response or b"", served.model)
            await self.once.replay(request, earlier, again, send)
            return
        applied = (b"preference-applied", preference.applied)
        await reply(send, accepting.status, accepting.body, [*accepting.headers(), applied])

    def _webhook(self, request: Request) -> str | None:
        """Who is to be told of the end; raises WebhookRejected."""
        url = request.webhook()
        if url is not None:
            self._webhooks.check(url)
        return url

    def _headers_again(self, request: Request, status: int, response: bytes, model: str) -> Headers:
        if status != ACCEPTED:
            return super()._headers_again(request, status, response, model)
        return accepted_again(request, response)
