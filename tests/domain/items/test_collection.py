"""A collection has a name that an address can hold, and models that hear."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from assay.domain.items.collection import Items, Wanted
from assay.domain.items.item import Item
from assay.domain.items.reading import Progress, Reading
from assay.domain.items.score import Failure
from assay.domain.model import Model
from assay.domain.question.field import Audio, Number
from assay.domain.question.input import Input
from assay.errors import ApplicationInvalid, NotServing
from tests import rows


class Recording(Input):
    audio: str = Audio(rate=8_000, longest_s=600)


class Long(Input):
    sound: str = Audio(rate=8_000, longest_s=900)


class Stone(Input):
    carat: float = Number()


def model(name: str = "phrases", kind: type[Input] = Recording) -> Model[Any]:
    return Model(name, input=kind, target="utterances", labels=("zero",), metric="average_precision")


def test_a_collection_is_asked_of_its_models() -> None:
    found = Items("files", models=[model(), model("noises", Long)])
    assert ([one.name for one in found.models], found.longest_s) == (["phrases", "noises"], 600)
    assert isinstance(found.models, tuple)


@pytest.mark.parametrize(
    "name", ["", "Files", "a/b", "-a", "latest", "docs", "v1", "livez", "readyz", "openapi.json", "x" * 65]
)
def test_a_name_that_no_address_can_hold_is_refused(name: str) -> None:
    with pytest.raises(ApplicationInvalid, match="cannot name a collection"):
        Items(name, models=[model()])


def test_models_that_do_not_hear_are_refused() -> None:
    stone: Model[Any] = Model("stone", input=Stone, target="price")
    for models in ([], [model(), model()]):
        with pytest.raises(ApplicationInvalid, match="one model or more"):
            Items("files", models=models)
    with pytest.raises(ApplicationInvalid, match=r"'stone' of the collection 'files' asks for no recording"):
        Items("files", models=[model(), stone])


def test_what_is_not_served_answers_nothing() -> None:
    found = Items("files", models=[model()])
    for ask in (
        found.names(),
        found.get("x"),
        found.scores("x"),
        found.failures("x"),
        found.delete("x"),
        found.sweep(),
    ):
        with pytest.raises(NotServing, match=r"'files'.*assay serve"):
            asyncio.run(ask)


FAILURE = Failure(
    item="0" * 32, model="phrases", version=1, at=1, attempts=1, retry_at=2, code="model_failed", error="It is."
)


class Heard:
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    async def names(self, limit: int, after: str) -> list[str]:
        self.asked.append((limit, after))
        return ["x"]

    async def get(self, name: str) -> Item:
        return rows.item(name)

    async def scores(self, name: str, wanted: Wanted) -> list[Reading]:
        self.asked.append((name, wanted))
        return []

    async def failures(self, name: str) -> list[Failure]:
        return [FAILURE]

    async def delete(self, name: str) -> None:
        self.asked.append(name)

    async def sweep(self) -> list[Progress]:
        return []


def test_the_running_application_answers() -> None:
    found = Items("files", models=[model()])
    found.answering = told = Heard()

    async def story() -> None:
        assert await found.names() == ["x"]
        assert (await found.get("a.wav")).name == "a.wav"
        assert await found.scores("a.wav", model="phrases", min_confidence=0.5) == []
        assert await found.failures("a.wav") == [FAILURE]
        await found.delete("a.wav")
        assert await found.sweep() == []

    asyncio.run(story())
    assert told.asked == [(100, ""), ("a.wav", {"model": "phrases", "min_confidence": 0.5}), "a.wav"]
