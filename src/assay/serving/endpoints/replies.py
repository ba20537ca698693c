"""The answers of an endpoint, read strictly: what is not exactly an answer to the question is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from assay.domain.remote import Response
from assay.errors import RemoteModelBadAnswer

Confidence = Annotated[float, msgspec.Meta(ge=0, le=1)]
Confidences = NDArray[np.float32]


class Timed:
    """Reads lists of confidences in labels at seconds of a recording."""

    def __init__(self, response: Response, labels: Sequence[str]) -> None:
        self._labels = {label: place for place, label in enumerate(labels)}
        self._named = bool(response.label)
        fields: list[Any] = [("time", Annotated[int, msgspec.Meta(ge=0)]), ("confidence", Confidence)]
        rename = {"time": response.time, "confidence": response.confidence}
        if self._named:
            fields, rename = [("label", str), *fields], {"label": response.label, **rename}
        self._decode = _Decoder(list[msgspec.defstruct("Entry", fields, rename=rename)], response.at)  # type: ignore[misc]  # made of the specification

    def read(self, body: bytes, seconds: int) -> Confidences:
        """float32 [seconds, labels], NaN where nothing was told; raises RemoteModelBadAnswer."""
        found = np.full((seconds, len(self._labels)), np.nan, np.float32)
        for entry in self._entries(body, seconds):
            if entry.label not in self._labels:
                raise RemoteModelBadAnswer(f"The answer tells of {entry.label[:80]!r}, which is no label.")
            _tell(found, (entry.time, self._labels[entry.label]), entry.confidence)
        return found

    def read_label(self, body: bytes, seconds: int, label: str) -> Confidences:
        """float32 [seconds, 1]: what is told of the one label that was asked; raises RemoteModelBadAnswer."""
        found = np.full((seconds, 1), np.nan, np.float32)
        for entry in self._entries(body, seconds):
            if self._named and entry.label != label:
                raise RemoteModelBadAnswer(f"The answer tells of {entry.label[:80]!r}, and {label[:80]!r} was asked.")
            _tell(found, (entry.time, 0), entry.confidence)
        return found

    def _entries(self, body: bytes, seconds: int) -> list[Any]:
        entries: list[Any] = self._decode(body)
        beyond = next((entry.time for entry in entries if entry.time >= seconds), None)
        if beyond is not None:
            raise RemoteModelBadAnswer(f"The answer tells of second {beyond}, and there are {seconds}.")
        return entries


class Rows:
    """Reads one number, or one confidence in each label, for each of some rows."""

    def __init__(self, response: Response, labels: int) -> None:
        one: Any = float if response.logits else Confidence
        kind: Any = list[list[one]] if labels else list[float]
        self._decode = _Decoder(kind, response.at)
        self._labels = labels
        self._logits = response.logits and labels > 0

    def read(self, body: bytes, rows: int) -> NDArray[Any]:
        """float64 [rows], or float32 [rows, labels]; raises RemoteModelBadAnswer."""
        told = self._decode(body)
        if len(told) != rows or (self._labels and any(len(row) != self._labels for row in told)):
            raise RemoteModelBadAnswer(f"The answer is not one for each of the {rows} rows.")
        found = np.array(told, np.float64)
        if not self._labels:
            return found
        return (sure(found) if self._logits else found).astype(np.float32).reshape(rows, self._labels)


class Ranked:
    """Reads the confidence in each label for each of some rows, where each row has the labels in an order of its own."""

    def __init__(self, response: Response, labels: Sequence[str]) -> None:
        one: Any = float if response.logits else Confidence
        kind: Any = list[list[one]]
        self._confidences = _Decoder(kind, response.at)
        self._names = _Decoder(list[list[str]], response.labels_at)
        self._places = {response.called.get(label, label): place for place, label in enumerate(labels)}
        self._logits = response.logits

    def read(self, body: bytes, rows: int) -> NDArray[Any]:
        """float32 [rows, labels]; raises RemoteModelBadAnswer, also where a row is not told every label once."""
        told, names = self._confidences(body), self._names(body)
        if len(told) != rows or len(names) != rows:
            raise RemoteModelBadAnswer(f"The answer is not one for each of the {rows} rows.")
        found = np.empty((rows, len(self._places)), np.float64)
        for row, (confidences, named) in enumerate(zip(told, names, strict=True)):
            if len(confidences) != len(named) or len(named) != len(self._places) or set(named) != self._places.keys():
                raise RemoteModelBadAnswer(f"Row {row} is not told every label of the model, each once.")
            found[row, [self._places[name] for name in named]] = confidences
        return (sure(found) if self._logits else found).astype(np.float32)


def sure(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Confidences of logits."""
    confident: NDArray[np.float64] = 1 / (1 + np.exp(-np.clip(logits, -700, 700)))
    return confident


def _tell(found: Confidences, place: tuple[int, int], confidence: float) -> None:
    if not np.isnan(found[place]):
        raise RemoteModelBadAnswer(f"The answer tells of second {place[0]} twice.")
    found[place] = confidence


class _Decoder:
    """JSON to a type, which stands where the keys lead to."""

    def __init__(self, kind: Any, at: str) -> None:
        self._keys = at.split(".") if at else []
        for key in reversed(self._keys):
            kind = msgspec.defstruct("Holder", [("held", kind)], rename={"held": key})
        self._decoder = msgspec.json.Decoder(kind)

    def __call__(self, body: bytes) -> Any:
        try:
            found = self._decoder.decode(body)
        except (ValueError, RecursionError) as wrong:
            raise RemoteModelBadAnswer(f"The answer cannot be read: {str(wrong)[:200]}.") from wrong
        for _ in self._keys:
            found = found.held
        return found
