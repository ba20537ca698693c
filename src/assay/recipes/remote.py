"""A recipe that learns nothing: its version asks an HTTP endpoint, and is judged, registered and released as any other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, Self, TypedDict, Unpack

import msgspec
import numpy as np
from numpy.typing import NDArray

from assay.domain.remote import Remote
from assay.errors import ApplicationInvalid, NotServing


class Asking(Protocol):
    """What asks the endpoint; whoever trains provides it, for only the operator says who may be asked."""

    def run(self, columns: dict[str, Any]) -> NDArray[Any]: ...
    def detect(self, file: Path, seconds: int) -> NDArray[np.float32]: ...


class Told(TypedDict, total=False):
    """What can be said of an endpoint besides its URL: see `assay.domain.remote.Remote`."""

    method: Literal["GET", "POST"]
    asks: Literal["label", "recording", "rows"]
    body: Any
    response: Mapping[str, str]
    unknown: Sequence[int]
    headers_from: Mapping[str, str]
    timeout_s: float
    retries: int
    backoff_s: float
    concurrency: int
    failures: int
    rest_s: float
    longest_answer: int


class RemoteModel:
    """An estimator whose answers come from an endpoint. `remote` says which; nothing of it is a hyper-parameter."""

    def __init__(self, remote: Remote) -> None:
        self.remote = remote
        self._asking: Asking | None = None
        self._locate: Callable[[str], Path] = Path

    def connect(self, asking: Asking, locate: Callable[[str], Path]) -> None:
        """From now on this asks the endpoint; `locate` says where a recording's bytes are."""
        self._asking, self._locate = asking, locate

    def fit(self, asked: Any, truth: Any) -> Self:
        """There is nothing to learn here."""
        return self

    def predict(self, asked: Any) -> NDArray[Any]:
        """float64 [n], or float32 [n, labels], to a frame of the raw columns."""
        return self._connected.run(asked.to_dict(as_series=False))

    def predict_proba(self, asked: Any) -> NDArray[Any]:
        """float32 [n, labels], to a frame of the raw columns."""
        return self.predict(asked)

    def predict_recordings(self, digests: Sequence[str], seconds: Sequence[int]) -> NDArray[np.float64]:
        """float64 [all seconds, labels], one recording after the other; what is not told counts as 0."""
        told = [
            self._connected.detect(self._locate(digest), count) for digest, count in zip(digests, seconds, strict=True)
        ]
        return np.nan_to_num(np.concatenate(told).astype(np.float64), nan=0.0)

    def set_params(self, **parameters: Any) -> Self:
        """Refused: who is asked is written in `model.py`, and never in an order to train."""
        raise ValueError("a remote recipe has no hyper-parameters")

    @property
    def _connected(self) -> Asking:
        if self._asking is None:
            raise NotServing(
                f"Nothing asks {self.remote.place} here: a remote recipe answers where `assay train` runs it."
            )
        return self._asking


def remote(url: str, **told: Unpack[Told]) -> RemoteModel:
    """The endpoint at this URL as an estimator; raises ApplicationInvalid, which says what is wrong with what was told.

    `remote("http://127.0.0.1:8010/api/detect/{label}/{audio}", response={"label": "phrase"})` asks once for each label.
    """
    try:
        return RemoteModel(msgspec.convert({"url": url, **told}, Remote))
    except msgspec.ValidationError as wrong:
        raise ApplicationInvalid(f"The remote recipe cannot ask: {wrong}.") from wrong
