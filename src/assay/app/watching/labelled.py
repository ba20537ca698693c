"""The control set of a version: labelled inputs that the operator names, or else what was held out when it was trained."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.domain.model import Model
from assay.domain.question.field import audio_field
from assay.domain.version import Version
from assay.errors import ArtifactRejected, DataInvalid
from assay.sources.looks import kind
from assay.store import datasets
from assay.store.items import holds

if TYPE_CHECKING:
    import polars as pl

    from assay.app import Assay
    from assay.training.snapshot import Snapshot

MOST_RECORDINGS, MOST_ROWS = 2_000, 20_000  # of those held out: more make an interval little narrower, and hours longer
SEED = 0


@dataclass(frozen=True, kw_only=True)
class ControlSet:
    """`rows` hold the fields and the target, `names` say what each input is called; `dataset` is where they are kept.

    They are `given` by the operator, or else held out. `left_out` more were learnt from by one of the versions, or broke
    a rule.
    """

    rows: pl.DataFrame
    names: tuple[str, ...]
    dataset: str
    given: bool
    left_out: int = 0


def control_set(assay: Assay, model: Model[Any], versions: Sequence[Version]) -> ControlSet:
    """What these versions, the one that is looked at first, are judged on: inputs from which none of them has learnt.

    Raises DataInvalid where the control set cannot be read or nothing is left of it, ArtifactRejected where the version's
    own rows are gone.
    """
    place = control_place(assay)
    return _held_out(assay, model, versions) if place is None else _given(assay, model, versions, place)


def control_place(assay: Assay) -> str | None:
    """Where the operator's control set is, a path being meant from the application's folder; None where none is named."""
    told = assay.settings.control
    if told is None or kind(told) != "files":
        return told
    return str(assay.application.folder / Path(told).expanduser())


def _given(assay: Assay, model: Model[Any], versions: Sequence[Version], place: str) -> ControlSet:
    from assay.app.keeping import Keeper
    from assay.app.learning import rows_of
    from assay.training.snapshot import take

    told = rows_of(assay, model, place)
    snapshot = Keeper(assay, model, place).keep_snapshot(take(model, told, place, to_judge=True))
    _register(assay, model, snapshot)
    rows = _unlearnt(assay, model, snapshot.rows.select(*model.fields, model.target), versions)
    if not rows.height:
        raise DataInvalid(f"{place}: each of the {told.height:,} inputs of the control set was learnt from.")
    return ControlSet(
        rows=rows, names=_names(model, rows, _files(place)), dataset=snapshot.dataset.id, given=True,
        left_out=told.height - rows.height,
    )  # fmt: skip


def _held_out(assay: Assay, model: Model[Any], versions: Sequence[Version]) -> ControlSet:
    from assay.app.evidence import parted

    version = versions[0]
    held_out = parted(assay, model, version)[1].select(*model.fields, model.target)
    rows = _unlearnt(assay, model, held_out, versions[1:])
    left_out = held_out.height - rows.height
    most = MOST_ROWS if audio_field(model.fields) is None else MOST_RECORDINGS
    if rows.height > most:
        rows = rows.sample(most, seed=SEED)
    if not rows.height:
        raise DataInvalid(
            f"Each of the {held_out.height:,} inputs held out for version {version.number} was learnt from."
        )
    return ControlSet(rows=rows, names=_names(model, rows, {}), dataset=version.dataset, given=False, left_out=left_out)


def _unlearnt(assay: Assay, model: Model[Any], rows: pl.DataFrame, versions: Sequence[Version]) -> pl.DataFrame:
    """The rows that ask what none of the versions has learnt an answer to, where that is known still."""
    import polars as pl

    from assay.app.evidence import parted

    for version in {one.dataset: one for one in versions}.values():
        try:
            learnt, _ = parted(assay, model, version)
        except ArtifactRejected:
            continue
        on = [name for name in model.fields if name in learnt.columns]
        if on:
            known = learnt.select(pl.col(name).cast(rows.schema[name], strict=False) for name in on).unique()
            rows = rows.join(known, on=on, how="anti", nulls_equal=True, maintain_order="left")
    return rows


def _register(assay: Assay, model: Model[Any], snapshot: Snapshot) -> None:
    """Keeps the snapshot, unless it is known, and with it the recordings that it names."""
    audio = audio_field(model.fields)
    with assay.database.writing() as connection:
        if assay.datasets.find(model.name, snapshot.dataset.id) is None:
            datasets.add(connection, snapshot.dataset)
        if audio is not None:
            holds.add(connection, snapshot.dataset.id, snapshot.rows[audio].to_list())


def _names(model: Model[Any], rows: pl.DataFrame, files: dict[str, str]) -> tuple[str, ...]:
    audio = audio_field(model.fields)
    if audio is None:
        return tuple(f"row {place + 1}" for place in range(rows.height))
    return tuple(files.get(digest, digest[:12]) for digest in rows[audio].to_list())


def _files(place: str) -> dict[str, str]:
    """What recordings in a folder are called, by the sha256 of their bytes; of those in a bucket nothing is said."""
    from assay.sources.recordings import recordings_at

    if kind(place) != "files" or not Path(place).is_dir():
        return {}
    found = {}
    for one in recordings_at(place):
        with (Path(place) / one.path).open("rb") as file:
            found[hashlib.file_digest(file, "sha256").hexdigest()] = one.path
    return found
