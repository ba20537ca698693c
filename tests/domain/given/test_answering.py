"""What a model can do for an application is what a served model offers."""

from __future__ import annotations

import inspect

from assay.domain.given import answering
from assay.domain.given.answering import Answering
from assay.domain.model import Model
from assay.web.tasks.handling import TaskedModel


def test_a_served_model_can_do_all_of_it_and_so_does_the_model() -> None:
    wanted = [name for name in vars(Answering) if not name.startswith("_")]
    assert {"predict", "submit", "task"} <= set(wanted)
    for name in wanted:
        told = list(inspect.signature(getattr(Answering, name)).parameters)
        assert list(inspect.signature(getattr(TaskedModel, name)).parameters) == told
        assert callable(getattr(Model, name))


def test_what_it_answers_with_comes_from_the_same_place() -> None:
    assert set(answering.__all__) == {"Answering", "Entity", "Explanation", "Prediction", "Task"}
