"""Confidences are told by label, of recordings second by second; the record keeps JSON and one headline."""

from __future__ import annotations

import msgspec

from assay.domain.answer import headline, text_of, told

NAN = float("nan")


def test_confidences_are_told_by_label() -> None:
    assert told([0.25, 0.5], ("low", "high")) == {"low": 0.25, "high": 0.5}
    assert told([0.123457, NAN], ("low", "high")) == {"low": 0.123457, "high": None}


def test_those_of_a_recording_are_told_second_by_second() -> None:
    assert told([[0.25, 0.5], [1.0, NAN]], ("low", "high")) == {"low": [0.25, 1.0], "high": [0.5, None]}
    assert told([], ("low", "high")) == {"low": [], "high": []}


def test_the_record_keeps_json_and_a_number_to_its_last_digit() -> None:
    assert text_of(0.1 + 0.2) == "0.30000000000000004"
    answer = told([[0.25, NAN]], ("low", "high"))
    assert msgspec.json.decode(text_of(answer)) == {"low": [0.25], "high": [None]}


def test_the_headline_is_the_number_or_the_greatest_confidence() -> None:
    assert headline(7.5) == 7.5
    assert headline({"low": 0.25, "high": None}) == 0.25
    assert headline({"low": [0.25, 0.75], "high": [None, 0.5]}) == 0.75
    assert headline({"low": [], "high": []}) is None
    assert headline({"low": None}) is None
    assert headline({}) is None
