"""A question in the express lane is answered and recorded as it was asked, and can be asked again."""

from __future__ import annotations

from typing import Any

from assay.serving.served import answer
from assay.store.record import exchanges, predictions
from assay.web.asks.ordinary import ExpressAsk
from tests import standins

BODY = b'{"carat":2,"cut":"Ideal","color":"E"}'


def ask(body: bytes = BODY) -> ExpressAsk:
    version = standins.version(standins.times(10), number=7)
    questions, single = version.reader.read(body)
    return ExpressAsk(version, questions, body, single=single, answered=lambda _: None)


def test_the_entry_is_the_exchange_as_it_was() -> None:
    made = ask()
    entry = made.settle(answer(made.version, [made.questions])[0])
    assert entry.exchange is not None
    row: dict[str, Any] = dict(zip(exchanges.PLAIN_COLUMNS, entry.exchange, strict=True))
    assert (row["path"], row["status"], bytes(row["request"])) == ("/v1/models/stone/predict", 200, BODY)
    assert bytes(row["response"]) == made.response
    (kept,) = entry.predictions
    told = dict(zip(predictions.PLAIN_COLUMNS, kept, strict=True))
    assert (told["question"], told["version"], told["exchange"]) == (BODY.decode(), 7, row["id"])


def test_of_a_list_each_question_is_kept_by_itself() -> None:
    made = ask(b"[" + BODY + b"," + BODY + b"]")
    entry = made.settle(answer(made.version, [made.questions])[0])
    assert [row[predictions.COLUMNS.index("position")] for row in entry.predictions] == [0, 1]
    assert made.rows == 2


def test_it_takes_part_in_no_experiment_and_can_be_asked_again() -> None:
    made = ask()
    assert made.experiment is None
    assert made.scope()["path"] == "/v1/models/stone/predict"
    assert dict(made.scope()["headers"]) == {b"host": b"localhost", b"content-type": b"application/json"}
