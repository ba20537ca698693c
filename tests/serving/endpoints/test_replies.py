"""An answer is read as its specification says, exactly, or not at all."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from assay.domain.remote import Response
from assay.errors import RemoteModelBadAnswer
from assay.serving.endpoints.replies import Rows, Timed

LABELS = ("low", "high")
RESPONSE = Response(label="phrase")


def entry(label: str = "low", time: int = 0, confidence: float = 0.5) -> dict[str, object]:
    return {"phrase": label, "time": time, "confidence": confidence}


def body(*told: object) -> bytes:
    return msgspec.json.encode(told)


def test_what_is_told_stands_at_its_second_and_label_and_nothing_anywhere_else() -> None:
    found = Timed(RESPONSE, LABELS).read(body(entry("high", 1, 1), entry("low", 2, 0)), 3)
    expected = np.array([[np.nan, np.nan], [np.nan, 1], [0, np.nan]], np.float32)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.float32


def test_nothing_told_is_an_answer() -> None:
    assert np.isnan(Timed(RESPONSE, LABELS).read(b"[]", 2)).all()
    assert Timed(RESPONSE, LABELS).read(b"[]", 0).shape == (0, 2)


@pytest.mark.parametrize(
    "wrong",
    [
        b"", b"null", b"{}", b"[", b"[1]", b"\xff", b"[" * 200_000, b'[{"x":' + b"[" * 200_000, body(entry("other")),
        body(entry(time=3)), body(entry(), entry()), b'[{"phrase":"\xff","time":0,"confidence":0}]',
        b'[{"phrase":"low","time":0,"confidence":1e999}]', b'[{"phrase":"low","time":1e0,"confidence":0}]',
        b'[{"phrase":"low","time":99999999999999999999999,"confidence":0}]',
    ],
)  # fmt: skip
def test_anything_else_is_none(wrong: bytes) -> None:
    with pytest.raises(RemoteModelBadAnswer):
        Timed(RESPONSE, LABELS).read(wrong, 3)


def test_an_answer_about_one_label_tells_of_no_other() -> None:
    timed = Timed(RESPONSE, LABELS)
    assert timed.read_label(body(entry("high", 1)), 2, "high")[1] == np.float32(0.5)
    with pytest.raises(RemoteModelBadAnswer, match="'low'"):
        timed.read_label(body(entry("low")), 2, "high")


def test_rows_are_as_many_as_were_asked() -> None:
    assert Rows(Response(at="outputs.p"), 0).read(b'{"more": 1, "outputs": {"p": [1, -2.5]}}', 2).tolist() == [
        1.0,
        -2.5,
    ]
    assert Rows(Response(), 2).read(b"[]", 0).shape == (0, 2)
    for wrong in (
        b'{"outputs": {}}',
        b'{"outputs": [1]}',
        b'{"outputs": {"p": [1]}}',
        b'{"outputs": {"p": [1, null]}}',
    ):
        with pytest.raises(RemoteModelBadAnswer):
            Rows(Response(at="outputs.p"), 0).read(wrong, 2)
