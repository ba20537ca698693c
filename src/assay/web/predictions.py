"""The predict route: questions in, recorded answers out, as plain ASGI with no framework before the model."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from assay.domain.prediction import Prediction
from assay.errors import BodyTooLarge, ParameterInvalid
from assay.serving.batch import Awaited
from assay.serving.draw import Picked
from assay.serving.loaded import LoadedVersion
from assay.serving.served import Answered, Served
from assay.store.record.recorder import Entry
from assay.web.asks.once import Once
from assay.web.process import Process, exchange_row
from assay.web.requests import Headers, Request, Send, reply

_encode = msgspec.json.Encoder().encode
LONG_BODY_BYTES = 65_536
VARIANT = b"x-model-variant"


class HttpAsk(Awaited):
    """Questions of one request; their answers and its exchange are one entry of the record."""

    __slots__ = ("began", "experiment", "key", "questions", "request", "response", "single", "version")

    def __init__(
        self, request: Request, questions: list[Any], picked: Picked, *, single: bool, key: str | None
    ) -> None:
        super().__init__(rows=len(questions))
        self.request = request
        self.began = request.began
        self.questions = questions
        self.version, self.experiment = picked
        self.single = single
        self.key = key
        self.response = b""

    def settle(self, answered: Answered) -> Entry:
        """Builds the response, and the entry that must be durable before it is sent."""
        self.response = render(answered, single=self.single)
        request = self.request
        asked = [request.body.decode()] if self.single else [_encode(question).decode() for question in self.questions]
        rows = answered.rows(asked, request.id, self.experiment)
        return Entry(exchange_row(request, 200, self.response, key=self.key), rows)


class PredictRoute:
    """`POST …/predict`, for the ruling version or a named one."""

    def __init__(self, process: Process) -> None:
        self._process = process
        settings = process.settings
        self.limit = max(settings.max_body_bytes, settings.max_batch_bytes)
        self._limit_of_one = settings.max_body_bytes
        self.once = Once(process)

    async def __call__(self, request: Request, served: Served, version: LoadedVersion | None, send: Send) -> None:
        """Answers one request that was read; raises AssayError where it cannot, and then nothing was sent."""
        picked, questions, single = await self._taken(request, served, version)
        key = self.once.key(request)
        ask = HttpAsk(request, questions, picked, single=single, key=key)

        async def answer() -> None:
            served.lane.submit(ask)
            await ask.future

        if key is None:
            await answer()
        elif (earlier := await self.once.answer(key, request, answer)) is not None:
            again = self._headers_again(request, earlier.status, earlier.response or b"", served.model)
            await self.once.replay(request, earlier, again, send)
            return
        found, experiment = picked
        await reply(send, 200, ask.response, headers_of(request, found.model, found.number, experiment))

    async def _taken(
        self, request: Request, served: Served, version: LoadedVersion | None
    ) -> tuple[Picked, list[Any], bool]:
        """Who answers, the questions as that version takes them, and whether it is a single one; raises AssayError."""
        body = request.body
        request.check_json()
        if request.query:
            raise ParameterInvalid(request.query.partition("=")[0][:80], "is not a parameter here; known are none")
        if len(body) > self._limit_of_one and body.lstrip()[:1] != b"[":
            raise BodyTooLarge(f"One question is longer than {self._limit_of_one} bytes.")
        if len(body) > LONG_BODY_BYTES:
            return await asyncio.to_thread(_read, request, served, version)
        return _read(request, served, version)

    def _headers_again(self, request: Request, status: int, response: bytes, model: str) -> Headers:
        return headers_of(request, model, version_in(response))


def _read(request: Request, served: Served, version: LoadedVersion | None) -> tuple[Picked, list[Any], bool]:
    """Who answers, the questions as that version takes them, and whether it is a single one."""
    subject = request.subject()
    body = request.body
    picked = served.pick(lambda: subject or subject_of_body(body)) if version is None else Picked(version)
    return picked, *picked.version.reader.read(body)


def headers_of(request: Request, model: str, number: int, experiment: str | None = None) -> Headers:
    """The headers of an answer: who gave it, as an arm of which experiment, and under which id it is recorded."""
    drawn = [] if experiment is None else [(VARIANT, variant_of(experiment, number))]
    return [
        (b"content-type", b"application/json"), (b"cache-control", b"no-store"),
        (b"x-model-name", model.encode()), (b"x-model-version", str(number).encode()), *drawn,
        (b"x-request-id", request.id.encode()),
    ]  # fmt: skip


def variant_of(experiment: str, number: int) -> bytes:
    """An experiment and the arm of it that answers, in one word."""
    return f"{experiment}/{number}".encode()


def subject_of_body(body: bytes) -> str:
    """Who asks, where the client does not say it: the question itself, so that the same one is always answered alike."""
    return body.decode("utf-8", "replace")  # what is no UTF-8 is refused when it is read


def version_in(response: bytes) -> int:
    """Which version gave an answer that was rendered before."""
    told = msgspec.json.decode(response, type=Prediction | list[Prediction])
    return (told[0] if isinstance(told, list) else told).version


def render(answered: Answered, *, single: bool) -> bytes:
    """The response's body: one answer, or a list of them in the order of the questions."""
    model, number = answered.version.model, answered.version.number
    answers = [
        Prediction(id=one, model=model, version=number, prediction=value)
        for one, value in zip(answered.ids, answered.values, strict=True)
    ]
    return _encode(answers[0] if single else answers)
