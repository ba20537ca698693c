"""Asks a version questions that somebody else has answered, and finds out at which of them it fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog

from assay.clock import new_ids, now_us, ticks_us
from assay.domain.answer import headline, text_of
from assay.errors import AssayError, StoreUnavailable
from assay.serving.predict import predict
from assay.store.database import Values
from assay.store.record.questions import Question

if TYPE_CHECKING:
    from assay.app import Assay
    from assay.serving.loaded import LoadedVersion

PATIENCE_US = 10_000_000  # that failures of one batch may take, restarts of the model's process among them
MOST_SILENT = 2  # batches in a row without an answer, after which a version is not asked again in this job
FAILED = "model_error"
log = structlog.get_logger("assay")
Taken = tuple[Question, Any]  # with the question as the version takes it


@dataclass(frozen=True, kw_only=True)
class Said:
    """What came of some questions: rows for the record, in the order of `predictions.COLUMNS`, and skipped ones by code."""

    rows: list[Values] = field(default_factory=list)
    skipped: Mapping[str, int] = field(default_factory=dict)


class Asking:
    """One version, in a process of its own: it may hang, die, or eat all memory that it is given, and harms nobody."""

    def __init__(self, assay: Assay, model: str, number: int) -> None:
        self._assay = assay
        self._model = model
        self._number = number
        self._silent = 0
        self._spent_us = 0
        self._given_up = ""  # the code for which it is not asked any more
        self._loaded = self._load()

    @property
    def hears(self) -> bool:
        """Whether it is asked about recordings."""
        return self._loaded is not None and self._loaded.contract.audio is not None

    def ask(self, questions: Sequence[Question], experiment: str | None) -> Said:
        """Asks all of them at once; where it fails, by halves, until it is known at which. Raises StoreUnavailable."""
        skipped: Counter[str] = Counter()
        if self._loaded is None or self._given_up:
            return Said(skipped={self._given_up: len(questions)})
        taken = []
        for one in questions:
            try:
                taken.append((one, self._loaded.reader.read(one.question.encode())[0][0]))
            except AssayError as refused:
                skipped[refused.code] += 1
        self._spent_us = 0
        rows = self._answers(self._loaded, taken, experiment, skipped)
        self._silent = 0 if rows or not taken else self._silent + 1
        if self._silent >= MOST_SILENT:
            self._given_up = skipped.most_common(1)[0][0]
            log.warning("shadow_rests", model=self._model, version=self._number, code=self._given_up)
        return Said(rows=rows, skipped=skipped)

    def close(self) -> None:
        """Ends the version's process."""
        loaded, self._loaded = self._loaded, None
        if loaded is not None:
            loaded.engine.close()

    def _answers(
        self, loaded: LoadedVersion, taken: Sequence[Taken], experiment: str | None, skipped: Counter[str]
    ) -> list[Values]:
        if not taken:
            return []
        at, began = now_us(), ticks_us()
        try:
            values = predict(loaded, [question for _, question in taken])
        except StoreUnavailable:
            raise
        except Exception as failed:  # noqa: BLE001 - whatever a model does is counted, and is no reason to stop
            code = failed.code if isinstance(failed, AssayError) else FAILED
            self._spent_us += ticks_us() - began
            if len(taken) == 1 or self._spent_us > PATIENCE_US:
                skipped[code] += len(taken)
                return []
            half = len(taken) // 2
            parts = (taken[:half], taken[half:])
            return [row for part in parts for row in self._answers(loaded, part, experiment, skipped)]
        took_us = ticks_us() - began
        number, model = self._number, self._model
        return [
            (id, at, model, number, "shadow", asked.question, text_of(value), headline(value), took_us, asked.exchange,
             asked.position, experiment)
            for id, (asked, _), value in zip(new_ids(len(taken)), taken, values, strict=True)
        ]  # fmt: skip

    def _load(self) -> LoadedVersion | None:
        try:
            return self._assay.loader.load(self._assay.versions.find(self._model, self._number), apart=True)
        except StoreUnavailable:
            raise
        except AssayError as refused:
            self._given_up = refused.code
            log.warning("shadow_not_loaded", model=self._model, version=self._number, reason=str(refused))
            return None
