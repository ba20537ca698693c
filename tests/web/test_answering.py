"""An application's own routes ask the same model, and are answered and recorded alike."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from assay.domain.releases.rollout import Arm
from assay.errors import BadSubject, QuestionInvalid
from assay.releasing.experiment import Plan
from assay.store.paging import Window
from assay.web.answering import ServedModel
from assay.web.process import Process
from tests import tiny
from tests.web.running import Running, eventually


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


def test_during_an_experiment_a_route_asks_for_whoever_is_named(own_server: Running) -> None:
    arms = (Arm(version=tiny.LINEAR, share=0.5), Arm(version=tiny.ROUGH, share=0.5))
    rollout = own_server.assay.experimenter.start("stone", Plan(arms=arms, name="checkout"), by="a test")
    eventually(lambda: own_server.process.shelf.find("stone").decision == rollout.id)
    model = ServedModel(own_server.process, "stone")
    asked = '{"carat":1.0,"cut":"Ideal","color":"E"}'

    async def story() -> None:
        for subject in (*map(str, range(9)), None):
            version = rollout.choose(subject or asked)
            for answer in (
                await model.predict(tiny.QUESTION, subject=subject), await model.explain(tiny.QUESTION, subject=subject),
            ):  # fmt: skip
                kept = own_server.assay.predictions.find(answer.id)
                assert kept is not None
                assert (answer.version, kept.version, kept.experiment) == (version, version, "checkout")
        for wrong in ("", "a\nb", "x" * 257):
            with pytest.raises(BadSubject):
                await model.predict(tiny.QUESTION, subject=wrong)

    asyncio.run_coroutine_threadsafe(story(), own_server.loop).result(30)
    for subject in map(str, range(9)):  # the route says nothing of subjects; its client does
        answer = own_server.post("/price", tiny.QUESTION, X_Assay_Subject=subject)
        assert answer.json["version"] == rollout.choose(subject)
    assert own_server.post("/price", tiny.QUESTION).json["version"] == rollout.choose(asked)
    assert own_server.post("/price", tiny.QUESTION, X_Assay_Subject="x" * 257).status == 400
