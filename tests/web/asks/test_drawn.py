"""A question that an arm answers says so in its response and in the record, and stays with its subject."""

from __future__ import annotations

import pytest

from assay.serving.draw import Picked
from assay.serving.served import answer
from assay.store.record import predictions
from assay.web.asks.drawn import DrawnAsk, GoodSubjects
from tests import standins

BODY = b'{"carat":2,"cut":"Ideal","color":"E"}'


def ask(subject: bytes | None = None) -> DrawnAsk:
    version = standins.version(standins.times(10), number=7)
    questions, single = version.reader.read(BODY)
    made = DrawnAsk(Picked(version, "checkout"), questions, BODY, single=single, answered=lambda _: None)
    made.subject = subject
    return made


def test_the_record_and_the_response_name_the_arm() -> None:
    made = ask()
    entry = made.settle(answer(made.version, [made.questions])[0])
    (kept,) = entry.predictions
    told = dict(zip(predictions.COLUMNS, kept, strict=False))
    assert (told["version"], told["experiment"]) == (7, "checkout")
    assert made.variant == b"x-model-variant: checkout/7\r\n"
    assert made.experiment == "checkout"


def test_asked_again_it_is_the_same_subject() -> None:
    assert dict(ask(b"user 7").scope()["headers"])[b"x-assay-subject"] == b"user 7"
    assert b"x-assay-subject" not in dict(ask().scope()["headers"])


@pytest.mark.parametrize(
    ("told", "good"), [(b"user 7", True), ("ü".encode(), True), (b"", False), (b"\xff", False), (b"x" * 257, False), (None, False)]
)  # fmt: skip
def test_good_subjects_are_those_that_an_experiment_takes(told: object, good: bool) -> None:
    assert (told in GoodSubjects()) is good
