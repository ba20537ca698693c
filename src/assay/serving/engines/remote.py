"""A version that asks an HTTP endpoint: its answers are computed elsewhere, and held to the same rules as any other's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.clock import ticks_us
from assay.domain.question.contract import Contract
from assay.domain.remote import OF_ROWS, Remote
from assay.errors import ModelFailed, Overloaded, RemoteModelRefused, RemoteModelTimedOut, VersionRejected
from assay.serving.endpoints.addresses import Access
from assay.serving.endpoints.breaker import Breaker
from assay.serving.endpoints.replies import Ranked, Rows, Timed
from assay.serving.engines.compiled import Columns, Floats
from assay.store.files.formats import load_remote

Confidences = NDArray[np.float32]
Read = Callable[[bytes], Floats]


class RemoteEngine:
    """Asks one endpoint, never more than `concurrency` requests at a time. Thread-safe; one circuit breaker for all.

    Nothing is asked until a question comes: a version can be loaded while its endpoint is down. Raises VersionRejected
    where the endpoint may not be asked, or the specification does not fit the contract.
    """

    def __init__(self, spec: Remote, contract: Contract, access: Access) -> None:
        labels = contract.target.labels
        _check(spec, contract)
        access.check(spec.place.host)
        headers = {name: access.secret(secret) for name, secret in spec.headers_from.items()}
        try:
            from assay.serving.endpoints.lines import Lines  # noqa: PLC0415 - its library is an optional extra
        except ImportError as missing:
            raise VersionRejected("A remote model needs urllib3: pip install 'assay[remote]'.") from missing
        self._spec = spec
        self._labels = labels
        self._lines = Lines(spec, headers, access.addresses)
        self._breaker = Breaker(spec.failures, spec.rest_s)
        self._timed = Timed(spec.response, labels)
        ranked = bool(labels and spec.response.labels_at)
        self._rows = Ranked(spec.response, labels) if ranked else Rows(spec.response, len(labels))
        self._workers = ThreadPoolExecutor(spec.concurrency, thread_name_prefix="remote-model")

    def run(self, columns: Columns) -> Floats:
        """What the endpoint answers to columns of equal length: float64 (rows,), or float32 (rows, labels).

        Raises RemoteModelResting, RemoteModelUnreachable, RemoteModelFailed, RemoteModelRefused, RemoteModelBadAnswer,
        RemoteModelTimedOut or Overloaded.
        """
        told: dict[str, list[Any]] = {name: _plain(values) for name, values in columns.items()}
        rows = len(next(iter(told.values())))
        by_row = [dict(zip(told, row, strict=True)) for row in zip(*told.values(), strict=True)]
        values = {**told, "columns": told, "rows": by_row, "empty": [""] * rows}
        with self._breaker.question():
            return self._all([(values, lambda body: self._rows.read(body, rows))])[0]

    def detect(self, file: Path, seconds: int, *, name: str = "") -> Confidences:
        """What the endpoint tells of a recording that is kept in this file: float32 [seconds, labels], NaN: nothing.

        `name` is the recording's own, where it has one. Raises what `run` raises.
        """
        values = {"audio": str(file.absolute()), "digest": file.name, "name": name or file.name}
        with self._breaker.question():
            if self._spec.asks == "recording":
                return np.asarray(self._all([(values, lambda body: self._timed.read(body, seconds))])[0], np.float32)
            return np.concatenate(
                self._all([({**values, "label": label}, self._reads(label, seconds)) for label in self._labels]), axis=1
            )

    def close(self) -> None:
        """Ends the connections; what is being asked comes to its end."""
        self._workers.shutdown(wait=False, cancel_futures=True)
        self._lines.close()

    def _reads(self, label: str, seconds: int) -> Read:
        return lambda body: self._timed.read_label(body, seconds, label)

    def _all(self, requests: Sequence[tuple[dict[str, Any], Read]]) -> list[Floats]:
        """The answers to some requests, within the time of one question; the first that fails ends the others."""
        from assay.serving.endpoints.lines import Hold  # noqa: PLC0415 - as above

        until_us = ticks_us() + int(self._spec.timeout_s * 1e6)
        holds = [Hold(until_us) for _ in requests]
        try:
            begun = [
                self._workers.submit(self._one, values, read, hold)
                for (values, read), hold in zip(requests, holds, strict=True)
            ]
        except RuntimeError as closed:
            raise ModelFailed("The version was let go meanwhile.") from closed
        try:
            done, late = wait(begun, max((until_us - ticks_us()) / 1e6, 0), FIRST_EXCEPTION)
            _raise_first(begun, done)
            if late:
                if all(future.cancel() for future in late):
                    raise Overloaded("More is asked of the remote model than it is asked at once; ask again shortly.")
                raise RemoteModelTimedOut(f"The remote model did not answer within {self._spec.timeout_s:g} s.")
            return [future.result() for future in begun]
        finally:
            for future, hold in zip(begun, holds, strict=True):
                if not future.cancel() and not future.done():
                    hold.end()

    def _one(self, values: dict[str, Any], read: Read, hold: Any) -> Floats:
        from assay.serving.endpoints.lines import Request  # noqa: PLC0415 - as above

        try:
            target, body = self._spec.target(values), self._spec.content(values)
        except ValueError as wrong:
            raise RemoteModelRefused(f"The question cannot be put into the remote model's address: {wrong}.") from wrong
        return read(self._lines.ask(Request(method=self._spec.method, target=target, body=body), hold))


def connecting(access: Access) -> Callable[[bytes, Contract], RemoteEngine]:
    """What makes an engine of a specification's file, with this access; it raises ArtifactRejected or VersionRejected."""
    return lambda data, contract: RemoteEngine(load_remote(data), contract, access)


def _raise_first(begun: Sequence[Future[Floats]], done: set[Future[Floats]]) -> None:
    for future in begun:
        if future in done and (failed := future.exception()) is not None:
            raise failed


def _plain(values: Any) -> list[Any]:
    return list(values.tolist() if isinstance(values, np.ndarray) else values)


def _check(spec: Remote, contract: Contract) -> None:
    """Raises VersionRejected where the specification asks for something else than the contract."""
    fault = ""
    if (contract.audio is None) != (spec.asks == "rows"):
        fault = "asks='rows' is for questions that are no recordings, and the others are for those that are"
    elif spec.asks == "rows":
        strange = spec.words() - {*OF_ROWS, *contract.fields}
        fault = f"{{{min(strange)}}} is no field of {contract.model!r}" if strange else ""
    elif spec.asks == "label":
        nothing = dict.fromkeys(("audio", "digest", "name"), "x")
        try:
            for label in contract.target.labels:
                spec.target({**nothing, "label": label})
        except ValueError as wrong:
            fault = str(wrong)
    if fault:
        raise VersionRejected(f"The remote model cannot be asked: {fault}.")
