"""An answer: a number, or the confidence in each label, of a recording one a second."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import msgspec

# a number, or by label a confidence or one a second: float | dict[str, float | None] | dict[str, list[float | None]]
Answer: TypeAlias = Any
DECIMALS = 6  # of a confidence: a float32 tells no more
_encode = msgspec.json.Encoder().encode


def told(confidences: Sequence[Any], labels: Sequence[str]) -> Answer:
    """Confidences as they are given: one a label, or of a recording, [seconds][labels], a list of one a second a label.

    They have `DECIMALS` at most. What is not a number was not told, and is null.
    """
    if not len(confidences) or isinstance(confidences[0], Sequence):
        columns = zip(*confidences, strict=True) if len(confidences) else ((),) * len(labels)
        return {label: _known(column) for label, column in zip(labels, columns, strict=True)}
    return dict(zip(labels, _known(confidences), strict=True))


def text_of(answer: Answer) -> str:
    """The answer as the record keeps it, which is JSON."""
    return repr(answer) if isinstance(answer, float) else _encode(answer).decode()


def headline(answer: Answer) -> float | None:
    """The one number that stands for it: the number itself, or the greatest confidence."""
    if isinstance(answer, float):
        return answer
    try:
        return float(max(answer.values()))  # as it is where every label has one
    except (TypeError, ValueError):
        return max(_numbers(answer), default=None)


def _numbers(answer: dict[str, Any]) -> Iterator[float]:
    for told in answer.values():
        yield from (one for one in (told if isinstance(told, list) else [told]) if one is not None)


def _known(confidences: Sequence[float]) -> list[float | None]:
    if sum(confidences) == sum(confidences):  # no sum has a gap in it
        return list(confidences)
    return [one if one == one else None for one in confidences]
