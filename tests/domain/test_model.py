"""A model is declared in a few lines, and what cannot be right is refused where it is written."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import assay
from assay.errors import ApplicationInvalid, NotServing


class Stone(assay.Input):
    """A stone."""

    cut: str = assay.Grade("Fair", "Good")
    depth: float = assay.Number()
    carat: float = assay.Number(above=0)


def model(**told: Any) -> assay.Model[Stone]:
    made: dict[str, Any] = {"name": "stone", "input": Stone, "target": "price"}
    return assay.Model(**(made | told))


@pytest.mark.parametrize("name", ["", "Stone", "a/b", "-a", "a b", "a" * 65, "latest", "null", "ä", "a\n"])
def test_a_name_that_would_not_do_in_an_address_is_refused(name: str) -> None:
    with pytest.raises(ApplicationInvalid, match="cannot name a model"):
        model(name=name)


@pytest.mark.parametrize("name", ["stone", "diamond-price", "a", "v1.2_x", "0", "a" * 64])
def test_a_name_that_does_in_an_address_is_taken(name: str) -> None:
    assert model(name=name).name == name


def test_the_target_cannot_be_asked_as_well() -> None:
    with pytest.raises(ApplicationInvalid, match="'carat' is the target"):
        model(target="carat")


def test_a_model_has_a_gate_of_its_own_or_the_usual_one() -> None:
    assert model().gate == assay.Gate()
    assert model(gate=assay.Gate(margin=0.1)).gate.margin == 0.1
    with pytest.raises(ApplicationInvalid, match=r"must be an assay\.Gate"):
        model(gate={"margin": 0.1})


def test_the_contract_says_all_that_was_declared() -> None:
    contract = model(unit="USD", floor=1.0, decimals=2, metric="r2", similar_by="carat").contract
    assert list(contract.fields) == ["cut", "depth", "carat"]
    assert (contract.model, contract.metric) == ("stone", "r2")
    assert (contract.target.name, contract.target.unit, contract.target.floor, contract.target.decimals) == (
        "price", "USD", 1.0, 2,
    )  # fmt: skip
    assert contract.similar is not None
    assert (contract.similar.equal, contract.similar.nearest) == (("cut",), "carat")


def test_without_a_word_on_what_is_near_the_first_number_is() -> None:
    similar = model().contract.similar
    assert similar is not None
    assert similar.nearest == "depth"


@pytest.mark.parametrize("name", ["weight", "cut"])
def test_what_is_near_must_be_a_number_that_is_asked(name: str) -> None:
    with pytest.raises(ApplicationInvalid, match=name):
        assert model(similar_by=name).contract


def test_a_recipe_is_registered_under_its_name_and_stays_a_function() -> None:
    made = model()

    @made.recipe
    def log_linear() -> str:
        """Short."""
        return "fitted"

    @made.recipe(trials=3)
    def boosted(trial: Any) -> Any:
        return trial

    assert list(made.recipes) == ["log-linear", "boosted"]
    assert made.recipes["boosted"].trials == 3
    assert log_linear() == "fitted"


def test_two_recipes_of_one_name_are_refused() -> None:
    made = model()

    def linear() -> None:
        return None

    made.recipe(linear)
    with pytest.raises(ApplicationInvalid, match="two recipes named 'linear'"):
        made.recipe(linear)


def test_the_cleaning_rule_is_kept_and_stays_a_function() -> None:
    made = model()

    @made.clean
    def plausible(rows: list[int]) -> list[bool]:
        return [row > 0 for row in rows]

    assert made.cleaning is plausible
    assert plausible([1, -1]) == [True, False]


def test_where_nothing_is_served_a_question_says_so() -> None:
    with pytest.raises(NotServing, match="assay serve"):
        asyncio.run(model().predict(Stone(cut="Fair", depth=1.0, carat=1.0)))


def test_whoever_serves_the_model_answers_its_questions() -> None:
    class Echo:
        async def predict(self, question: Any, *, subject: Any = None) -> Any:
            return ("predict", question)

        async def explain(self, question: Any, *, subject: Any = None) -> Any:
            return ("explain", question)

        async def similar(self, like: Any, n: int) -> Any:
            return ("similar", like, n)

    async def ask() -> list[Any]:
        return [await made.predict(asked), await made.explain(asked), await made.similar({"carat": 1})]

    made, asked = model(), Stone(cut="Fair", depth=1.0, carat=1.0)
    made.answering = Echo()  # type: ignore[assignment]  # what is asked here is all that it can do
    assert asyncio.run(ask()) == [("predict", asked), ("explain", asked), ("similar", {"carat": 1}, 5)]
