"""A task's order is read without its questions, however long those are and whatever stands before them."""

from __future__ import annotations

import msgspec
import pytest

from assay.domain.given.task import HEAD_CHARACTERS, Head, Order, Task, head_of

LONG = msgspec.Raw(b'[{"text":"' + b"x" * 100_000 + b'"}]')


def text(order: Order) -> str:
    return msgspec.json.encode(order).decode()


@pytest.mark.parametrize("questions", [msgspec.Raw(b'{"carat": 1}'), LONG])
def test_the_head_is_read_from_the_first_characters_alone(questions: msgspec.Raw) -> None:
    order = Order(version=3, exchange="ab" * 16, questions=questions)
    assert head_of(text(order)) == head_of(text(order)[:HEAD_CHARACTERS]) == Head(version=3, exchange="ab" * 16)


def test_no_text_before_the_questions_is_taken_for_them() -> None:
    told = ',"questions":{"exchange":"no"}'
    order = Order(exchange="yes", subject=told, webhook=f"https://example.org/{told}", questions=LONG)
    assert head_of(text(order)[:HEAD_CHARACTERS]) == Head(exchange="yes")


def test_the_longest_head_is_short_enough() -> None:
    order = Order(version=10**9, exchange="f" * 32, subject='"' * 256, webhook="h" * 2048, questions=LONG)
    assert text(order).index(',"questions":') < HEAD_CHARACTERS


def test_the_questions_are_kept_as_they_were_sent() -> None:
    asked = b'[ {"carat": 1.50, "cut": "Id\\u0065al"} ]'
    assert bytes(msgspec.json.decode(text(Order(questions=msgspec.Raw(asked))), type=Order).questions) == asked


@pytest.mark.parametrize(
    ("state", "ended"), [("queued", False), ("running", False), ("failed", True), ("canceled", True)]
)
def test_a_task_says_whether_more_will_happen(state: str, ended: bool) -> None:
    assert msgspec.convert({"id": "a", "at": 1, "model": "m", "state": state}, Task).ended is ended
