"""The answers as clients see them."""

from __future__ import annotations

import msgspec
import pytest

from assay.domain.prediction import Explanation, Part, Prediction


def test_an_answer_is_sent_with_the_names_that_clients_rely_on() -> None:
    sent = msgspec.json.encode(Prediction(id="0a", model="stone", version=2, prediction=3.5))
    assert sent == b'{"id":"0a","model":"stone","version":2,"prediction":3.5}'


def test_reasons_are_sent_beside_the_answer() -> None:
    part = Part(feature="cut", value="Ideal", contribution=1.5)
    told = Explanation(id="0a", model="stone", version=2, prediction=3.5, base=2.0, parts=(part,))
    assert msgspec.json.decode(msgspec.json.encode(told)) == {
        "id": "0a", "model": "stone", "version": 2, "prediction": 3.5, "base": 2.0,
        "parts": [{"feature": "cut", "value": "Ideal", "contribution": 1.5}],
    }  # fmt: skip


def test_an_answer_never_changes() -> None:
    with pytest.raises(AttributeError):
        Prediction(id="0a", model="stone", version=2, prediction=3.5).prediction = 4.0  # type: ignore[misc]  # the point
