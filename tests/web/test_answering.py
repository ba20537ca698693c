"""An application's own routes ask the same model, and are answered and recorded alike."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from assay.errors import QuestionInvalid
from assay.store.paging import Window
from assay.web.answering import ServedModel
from assay.web.process import Process
from tests import tiny
from tests.web.running import Running


def test_a_route_asks_for_a_price(server: Running) -> None:
    answer = server.post("/price", tiny.QUESTION)
    assert answer.json["price"] == server.predict().json["prediction"]
    assert answer.json["version"] == tiny.LINEAR


def test_a_route_asks_for_reasons_that_add_up(server: Running) -> None:
    answer = server.post("/reasons", tiny.QUESTION)
    assert answer.json["sum"] == pytest.approx(answer.json["price"], abs=0.01)
    (kept,) = server.assay.predictions.page(Window(), exchange=answer.id).entries
    assert kept.value == answer.json["price"]


def test_a_route_asks_for_what_is_similar(server: Running) -> None:
    answer = server.post("/like?n=2", tiny.QUESTION)
    assert [(row["cut"], row["color"]) for row in answer.json] == [("Ideal", "E")] * 2


def test_a_route_refuses_what_the_model_refuses(server: Running) -> None:
    answer = server.post("/price", tiny.QUESTION | {"cut": "Great"})
    assert answer.status == 422
    (fault,) = answer.json["errors"]
    assert (fault["pointer"], fault["allowed"]) == ("#/cut", ["Fair", "Good", "Ideal"])


def test_outside_of_an_exchange_answers_are_recorded_too(tmp_path: Path) -> None:
    async def story() -> None:
        process = Process(assay)
        await process.start()
        model = ServedModel(process, "stone")
        one = await model.predict(tiny.QUESTION)
        told = await model.explain(tiny.QUESTION)
        assert told.prediction == one.prediction
        for answer in (one, told):
            kept = assay.predictions.find(answer.id)
            assert kept is not None
            assert (kept.exchange, kept.value) == (None, answer.prediction)
        with pytest.raises(QuestionInvalid):
            await model.predict(tiny.QUESTION | {"cut": "Great"})
        assert len(await model.similar(tiny.QUESTION, 2)) == 2
        await process.stop()

    with tiny.opened(tmp_path / "home") as assay:
        asyncio.run(story())
