"""Takes in rows that clients send: streamed into quarantine, proved in a process of their own, kept whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from assay.clock import new_id, now_us
from assay.domain.given.upload import NAME, Format, NamedDataset, Upload, acceptable
from assay.domain.job import Job
from assay.domain.question.contract import Contract
from assay.domain.question.field import Field
from assay.domain.question.reader import QuestionReader
from assay.errors import (
    ApplicationInvalid,
    DatasetRejected,
    DecodedTooLarge,
    Fault,
    IdempotencyMismatch,
    LabelTaken,
    Overloaded,
    QuestionInvalid,
    UnsupportedFile,
)
from assay.store import uploads, versions
from assay.store.files.quarantine import Draft, Quarantine, noticing_a_full_disk
from assay.store.work import jobs

if TYPE_CHECKING:
    from assay.app import Assay

SIFT_MEMORY_BYTES = 8 << 30
SIFT_TIMEOUT_S = 120.0
MOST_WAITING = 100  # trainings of one model
GENERAL = frozenset(("data_invalid", "dataset_rejected"))


class Sift(msgspec.Struct, frozen=True, kw_only=True):
    """What the child is told: the application's folder, the model, and the file with the rows."""

    folder: str
    model: str
    file: str
    format: Format


class Sifted(msgspec.Struct, frozen=True, kw_only=True):
    """What the child found: rows that can be learnt from, and why the others cannot; or the `code` of a refusal."""

    rows: int = 0
    removed: int = 0
    reasons: dict[str, int] = {}
    code: str = ""
    error: str = ""
    faults: tuple[Fault, ...] = ()


class Receiving:
    """The verbs of named datasets."""

    def __init__(self, assay: Assay) -> None:
        self._assay = assay
        self._quarantine = Quarantine(assay.home, assay.settings.max_upload_bytes)

    def create(self, name: str, model: str | None, by: str) -> tuple[NamedDataset, bool]:
        """The dataset, and whether it was made now; raises DatasetRejected, ModelNotFound or DatasetInUse."""
        if not acceptable(name):
            told = f"A dataset's name matches {NAME.pattern}, does not end with '.', and is no reserved word."
            raise DatasetRejected(told, "invalid_name")
        models = self._assay.application.models()
        if model is None and len(models) > 1:
            unclear = Fault("#/model", f"say which: one of {', '.join(models)}", "missing_feature", tuple(models))
            raise QuestionInvalid((unclear,))
        return self._assay.uploads.create(name, self._assay.application.model(model).name, by)

    def delete(self, name: str, by: str) -> None:
        """Deletes a dataset and the files that nothing else needs; raises DatasetNotFound or DatasetInUse."""
        for file in self._assay.uploads.delete(name, by):
            with self._assay.database.turn():  # nobody can name the file while we look whether anybody does
                if not self._assay.uploads.named(file):
                    self._assay.artifacts.drop(file)

    def begin(self, told_bytes: int) -> Draft:
        """A place for a body of this length, 0 if it is not told; raises BodyTooLarge or StorageFull."""
        return self._quarantine.begin(told_bytes)

    def finish(self, draft: Draft, dataset: NamedDataset, format_: Format, by: str) -> tuple[Upload, bool]:
        """Proves the rows of a complete body and keeps it; the upload, and whether it is new.

        Raises DatasetRejected, UnsupportedFile, DecodedTooLarge, StorageFull or DatasetNotFound; then nothing is kept.
        """
        known = self._known(dataset.name, draft.digest)
        if known is not None:
            return known, False
        found = self._sift(draft.file, dataset.model, format_)
        draft.sync()
        return self._keep(draft, dataset, format_, found, by)

    def append(self, dataset: NamedDataset, body: bytes, by: str) -> tuple[Upload, bool]:
        """Appends rows that were sent as a JSON list of objects, all of them or none.

        Raises what a question's reader raises, StorageFull or DatasetNotFound.
        """
        rows, single = self._reader(dataset.model).read(body)
        if single:
            raise DatasetRejected("Send the rows as a list of objects.", "wrong_type")
        lines = b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
        draft = self.begin(0)
        try:
            draft.write(lines)
            known = self._known(dataset.name, draft.digest)
            if known is not None:
                return known, False
            draft.sync()
            return self._keep(draft, dataset, "jsonl", Sifted(rows=len(rows)), by)
        finally:
            draft.discard()

    def order_training(self, job: Job) -> Job:
        """Queues a training; the job that has its key already, if there is one.

        Raises DatasetNotFound, DatasetRejected where the dataset is empty or another model's, LabelTaken, Overloaded where
        too many trainings of the model wait, or IdempotencyMismatch.
        """
        name = job.arguments["dataset"]
        with self._assay.database.writing() as connection:
            if name is not None:
                dataset = uploads.find(connection, name)
                if dataset.model != job.model:
                    whose = f"The dataset {name!r} holds rows for {dataset.model!r}, not for {job.model!r}."
                    raise DatasetRejected(whose)
                if not dataset.rows:
                    raise DatasetRejected(f"The dataset {name!r} has no rows yet.", "no_rows")
            known = jobs.waiting(connection, job.verb, job.model)
            queued = jobs.add(connection, job)
            if queued is job and len(known) >= MOST_WAITING:
                raise Overloaded(f"{MOST_WAITING} trainings of the model wait already; cancel some, or order it later.")
            if queued is job and job.arguments.get("label") is not None:
                _check_label(job, known, versions.labelled(connection, str(job.model), job.arguments["label"]))
        if (queued.verb, queued.model, queued.arguments) != (job.verb, job.model, job.arguments):
            raise IdempotencyMismatch
        return queued

    def _known(self, dataset: str, file: str) -> Upload | None:
        return next((one for one in self._assay.uploads.parts(dataset) if one.file == file), None)

    def _keep(
        self, draft: Draft, dataset: NamedDataset, format_: Format, found: Sifted, by: str
    ) -> tuple[Upload, bool]:
        upload = Upload(
            id=new_id(), dataset=dataset.name, at=now_us(), file=draft.digest, size=draft.size, format=format_,
            rows=found.rows, removed=found.removed, reasons=found.reasons, by=by,
        )  # fmt: skip
        with noticing_a_full_disk(), self._assay.database.writing() as connection:
            kept, new = uploads.add(connection, upload, dataset.id)
            if new:  # within the turn, so that nobody who deletes takes the file for one that nothing needs
                self._assay.artifacts.take(draft.file, draft.digest)
        return kept, new

    def _reader(self, model: str) -> QuestionReader:
        contract: Contract = self._assay.application.model(model).contract
        rows = contract.fields | {contract.target.name: Field(kind="number")}
        return QuestionReader(msgspec.structs.replace(contract, fields=rows), self._assay.settings.max_rows)

    def _sift(self, file: Path, model: str, format_: Format) -> Sifted:
        folder = self._assay.application.folder
        told = Sift(folder=str(folder), model=model, file=str(file), format=format_)
        command = [sys.executable, "-P", "-m", "assay.app.given.sifting", str(SIFT_MEMORY_BYTES)]
        environment = {"PATH": os.defpath, "POLARS_MAX_THREADS": "2", "OMP_NUM_THREADS": "1"}
        try:
            ran = subprocess.run(  # noqa: S603 - our own module, our own interpreter
                command, input=msgspec.json.encode(told), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                env=environment, timeout=SIFT_TIMEOUT_S, check=False, start_new_session=True,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise DecodedTooLarge(
                f"The file could not be read within {SIFT_TIMEOUT_S:g} s; send it in parts."
            ) from None
        if ran.returncode != 0:
            raise DecodedTooLarge
        try:
            found = msgspec.json.decode(ran.stdout, type=Sifted)
        except msgspec.DecodeError:  # the author's module ended the process before it could say anything
            raise ApplicationInvalid from None
        return _accepted(found)


def _check_label(job: Job, waiting: list[Job], number: int | None) -> None:
    """Raises LabelTaken where a version has the job's label, or another job is to give it."""
    label = job.arguments["label"]
    if number is not None:
        there = f"DELETE /v1/models/{job.model}/labels/{label}"
        raise LabelTaken(f"Version {number} has the label {label!r} already; {there} takes it off, or choose another.")
    other = next((one.id for one in waiting if one.arguments.get("label") == label), None)
    if other is not None:
        raise LabelTaken(f"The job {other} is to give the label {label!r}; cancel it or choose another label.")


def _accepted(found: Sifted) -> Sifted:
    """What the child found; raises what it refused with."""
    if not found.error:
        return found
    known = {kind.code: kind for kind in (UnsupportedFile, DecodedTooLarge, ApplicationInvalid)}
    if found.code in known:
        raise known[found.code](found.error)
    raise DatasetRejected(found.error, "" if found.code in GENERAL else found.code, found.faults)
