"""A route of the application's own says who asks, or its client does; what is answered goes back to it."""

from __future__ import annotations

import asyncio

import pytest

from assay.errors import BadSubject
from assay.serving.draw import Picked
from assay.serving.loaded import LoadedVersion
from assay.serving.served import answer
from assay.web.asks.own import PlainAsk, asker, explained, named
from assay.web.process import Conversation, asked_in
from assay.web.requests import Request
from tests import standins, tiny


def request(*headers: tuple[bytes, bytes]) -> Request:
    return Request({"method": "POST", "path": "/", "query_string": b"", "headers": list(headers)})


def test_who_is_told_wins_over_whom_the_client_names() -> None:
    assert named(None) is None
    marked = asked_in.set(Conversation(request((b"x-assay-subject", b"user 7"))))
    try:
        assert (named(None), named("user 8")) == ("user 7", "user 8")
    finally:
        asked_in.reset(marked)


@pytest.mark.parametrize("told", ["", "a\nb", "x" * 257])
def test_a_bad_subject_is_refused_whoever_says_it(told: str) -> None:
    with pytest.raises(BadSubject):
        named(told)
    marked = asked_in.set(Conversation(request((b"x-assay-subject", told.encode()))))
    try:
        with pytest.raises(BadSubject):
            named(None)
    finally:
        asked_in.reset(marked)


def test_where_nobody_says_who_asks_it_is_the_question() -> None:
    assert asker(None, b"{}")() == "{}"
    assert asker("user 7", b"{}")() == "user 7"


def test_answers_are_kept_for_the_caller() -> None:
    version = standins.version(standins.times(10), number=7)

    async def story() -> PlainAsk:
        return PlainAsk(standins.asked(version, {"carat": 2.0}), Picked(version, "checkout"))

    ask = asyncio.run(story())
    ask.settle(answer(version, [ask.questions])[0])
    assert (ask.answered.values, ask.version, ask.experiment, ask.rows) == ([20.0], version, "checkout", 1)
    assert ask.began > 0


@pytest.fixture
def linear(tmp_path_factory: pytest.TempPathFactory) -> LoadedVersion:
    with tiny.opened(tmp_path_factory.mktemp("own") / "home") as assay:
        return assay.loader.load(assay.versions.find("stone", tiny.LINEAR))


def test_an_answer_comes_with_its_reasons(linear: LoadedVersion) -> None:
    (question,) = standins.asked(linear, {"carat": 2.0})
    answered, value, base, parts = explained(linear, question)
    assert answered.values == [value]
    assert abs(base + sum(part.contribution for part in parts) - value) < 0.01
    assert len(answered.ids) == 1
