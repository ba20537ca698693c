"""Takes an immutable snapshot of training rows: typed, cleaned, each on its side, named by its content, with what was removed."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
import polars as pl

from assay.clock import now_us
from assay.domain.dataset import Dataset, PartFacts
from assay.domain.model import Model
from assay.errors import ApplicationInvalid, DataInvalid, DataSuspect
from assay.training.fresh.profile import profile
from assay.training.fresh.suspicion import Known, suspect
from assay.training.sifting import OWN, Defect, Removed, Sifted, sift, wanted
from assay.training.split import HELD_OUT, PART, draw, sides

__all__ = ["Known", "Removed", "Rows", "Snapshot", "Whole", "read_parquet", "take"]

# Fixed, so that the same rows make the same file whatever the library's default becomes.
ROW_GROUP = 131_072
FEWEST = 2
MOST_REASONS = 3  # why rows were set aside, that a refusal names
UNREADABLE = "unreadable"
AT = "__at"  # which part brought a row, while a snapshot is taken


class Rows(Protocol):
    """Rows that came together: their name, and if they cannot be read the sentence why, and no rows."""

    @property
    def name(self) -> str: ...
    @property
    def rows(self) -> pl.DataFrame: ...
    @property
    def refused(self) -> str: ...


@dataclass(frozen=True)
class Whole:
    """Rows that came in one piece."""

    name: str
    rows: pl.DataFrame
    refused: str = ""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """`rows`: each field in its order, the target, then `__held_out` and `__part`, as kept in `parquet`.

    `held_out` says of each row whether it is, `fresh` how many the parent had not, `parts` what became of each part,
    `profile` how the values are spread. `removed_lines` is JSON Lines. `dropped` are the columns that the model does not
    ask about.
    """

    dataset: Dataset
    rows: pl.DataFrame
    parquet: bytes
    removed: tuple[Removed, ...]
    removed_lines: bytes
    dropped: tuple[str, ...]
    held_out: pl.Series
    profile: dict[str, Any]
    parts: tuple[PartFacts, ...]
    fresh: int


@dataclass
class _Taken:
    """One part on its way: what it holds, and what became of it."""

    facts: PartFacts
    sifted: Sifted | None = None
    fresh: pl.DataFrame | None = None


def take(
    model: Model[Any], rows: pl.DataFrame | Sequence[Rows], source: str, known: Known | None = None, *,
    to_judge: bool = False, trust: bool = False,
) -> Snapshot:  # fmt: skip
    """The rows that `model` learns from: numbers as Float64, whole numbers as Int64, words and texts as String.

    A row is removed, with the reason, where a field breaks its own rule, where the target is not a finite number, or
    where the cleaning rule does not keep it (a rule that answers null does not). Rows that are equal in every column
    count once. With `known` rows, those of an earlier snapshot, the new one holds those of them that the parts still hold,
    each on its side (all of them where a part was refused: what it held cannot be told apart from what is gone), and of
    the others a share is held out, drawn part by part. Without, the share is drawn from all kept rows in their order, and of
    equal rows the one that is held out stays.

    A part that has a defect (`training/fresh/suspicion.py`) is left out, and `parts` says so. Rows that are only `to_judge`
    by are not suspected, and equal ones count each. Neither are those suspected that are to be trusted. Known rows from
    `elsewhere` are there to suspect by, and for nothing else. If all parts are left out, raises DataSuspect, or DataInvalid,
    which name part and rule, where a column is missing or of no usable type, or too few rows are left; ApplicationInvalid
    where the cleaning rule fails or a field has a name of our own.
    """
    _refuse_own_names(model)
    given: Sequence[Rows] = [Whole(source, rows)] if isinstance(rows, pl.DataFrame) else rows
    taken = [_sifted(model, part, known, alone=None if to_judge or trust else len(given) == 1) for part in given]
    if all(one.facts.refused for one in taken):
        raise _refusal(taken, source)
    used = [one for one in taken if one.sifted is not None]
    if known is not None and known.elsewhere:
        known = None
    if known is None:
        kept = _first(model, used, source, once=not (to_judge or model.keep_equal))
    else:
        kept = _grown(model, used, known, whole=len(used) == len(taken))
    parts = _counted(taken, kept, known)
    kept = kept.drop(AT).rechunk()
    removed = tuple(row for one in used if one.sifted for row in one.sifted.removed)
    dropped = dict.fromkeys(name for one in used if one.sifted for name in one.sifted.dropped)
    spread = profile(kept, wanted(model))
    parquet = _parquet(kept)
    lines = b"".join(msgspec.json.encode(_plain(one), enc_hook=str) + b"\n" for one in removed)
    fresh = sum(part.fresh for part in parts)
    dataset = Dataset(
        id=hashlib.sha256(parquet).hexdigest(), model=model.name, created_at=now_us(), source=source, rows=kept.height,
        removed=len(removed), columns={name: str(kind) for name, kind in kept.schema.items() if name not in OWN},
        removed_file=hashlib.sha256(lines).hexdigest() if removed else None, parent=known.dataset if known else None,
        fresh=fresh, held_out=int(kept[HELD_OUT].sum()), duplicates=sum(part.duplicates for part in parts), parts=parts,
        profile=spread,
    )  # fmt: skip
    return Snapshot(
        dataset=dataset, rows=kept, parquet=parquet, removed=removed, removed_lines=lines, dropped=tuple(dropped),
        held_out=kept[HELD_OUT], profile=spread, parts=parts, fresh=fresh,
    )  # fmt: skip


def read_parquet(data: bytes) -> pl.DataFrame:
    """The rows of a snapshot's file; raises DataInvalid."""
    try:
        return pl.read_parquet(io.BytesIO(data))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise DataInvalid("The dataset's file cannot be read.") from error


def _refuse_own_names(model: Model[Any]) -> None:
    taken = [name for name in wanted(model) if name in (*OWN, AT)]
    if taken:
        raise ApplicationInvalid(f"{taken[0]!r} cannot name a column of {model.name!r}: Assay keeps notes under it.")


def _sifted(model: Model[Any], part: Rows, known: Known | None, *, alone: bool | None) -> _Taken:
    """`alone` says whether it is the only part; None suspects it of nothing."""
    facts = PartFacts(name=part.name, rows=part.rows.height)
    if part.refused:
        return _Taken(msgspec.structs.replace(facts, refused=UNREADABLE, evidence=part.refused))
    sifted = sift(model, part.name, part.rows)
    if isinstance(sifted, Defect):
        return _Taken(msgspec.structs.replace(facts, refused=sifted.name, evidence=sifted.said))
    facts = msgspec.structs.replace(facts, removed=len(sifted.removed))
    fresh, old = _apart(sifted.kept, known)
    defect = None if alone is None else suspect(model, sifted, fresh, known, alone=alone)
    if defect is not None:
        return _Taken(msgspec.structs.replace(facts, refused=defect.name, evidence=f"{part.name}: {defect.said}"))
    if known is not None and known.elsewhere:
        return _Taken(facts, sifted, sifted.kept)
    return _Taken(msgspec.structs.replace(facts, known=old), sifted, fresh)


def _apart(kept: pl.DataFrame, known: Known | None) -> tuple[pl.DataFrame, int]:
    """The rows that the known ones do not hold, once each, and how many of the part's they do hold."""
    if known is None:
        return kept, 0
    fresh = kept.join(known.bare, on=kept.columns, how="anti", nulls_equal=True, maintain_order="left")
    return fresh.unique(keep="first", maintain_order=True), kept.height - fresh.height


def _refusal(taken: Sequence[_Taken], source: str) -> DataInvalid:
    if not taken:
        return DataInvalid(f"{source}: there are no rows.")
    said = " ".join(one.facts.evidence for one in taken[:3])
    if all(one.facts.refused in (UNREADABLE, "missing_column", "wrong_type") for one in taken):
        return DataInvalid(said)
    return DataSuspect(f"{', '.join(dict.fromkeys(one.facts.refused for one in taken))}: {said}")


def _first(model: Model[Any], used: Sequence[_Taken], source: str, *, once: bool) -> pl.DataFrame:
    columns = list(wanted(model))
    rows = _together(used, [one.sifted.kept for one in used if one.sifted])
    if rows.height < FEWEST:
        left = f"{rows.height} of {sum(one.facts.rows for one in used)} rows can be learnt from"
        raise DataInvalid(f"{source}: {left}; at least {FEWEST} are needed.{_why_so_few(used)}")
    draw(rows.height, model.test_size, model.seed)  # of too few rows it says so
    marked = rows.with_columns(sides(rows.height, model.test_size, model.seed)).with_row_index("__row")
    if once:
        first = marked.sort(HELD_OUT, "__row", descending=[True, False])
        marked = first.unique(columns, keep="first", maintain_order=True).sort("__row")
    return marked.select(*columns, HELD_OUT, pl.lit(0, pl.Int32).alias(PART), AT)


def _why_so_few(used: Sequence[_Taken]) -> str:
    why = Counter(gone.reason for one in used if one.sifted for gone in one.sifted.removed).most_common(MOST_REASONS)
    said = "; ".join(f"{count:,} × {reason}" for reason, count in why)
    return f" Set aside: {said}." if said else ""


def _grown(model: Model[Any], used: Sequence[_Taken], known: Known, *, whole: bool) -> pl.DataFrame:
    columns = list(wanted(model))
    still = known.rows
    if whole:
        held = pl.concat([one.sifted.kept.select(columns) for one in used if one.sifted])
        still = still.join(held, on=columns, how="semi", nulls_equal=True, maintain_order="left")
    rows = _together(used, [one.fresh for one in used if one.fresh is not None])
    fresh = rows.unique(columns, keep="first", maintain_order=True)
    drawn = [sides(group.height, model.test_size, model.seed) for group in fresh.partition_by(AT, maintain_order=True)]
    number = int(known.rows[PART].max() or 0) + 1  # type: ignore[arg-type]  # a number, in a column of numbers
    marked = fresh.with_columns(
        pl.concat(drawn) if drawn else pl.Series(HELD_OUT, [], pl.Boolean), pl.lit(number, pl.Int32).alias(PART)
    )
    old = still.with_columns(pl.lit(None, pl.Int32).alias(AT))
    return pl.concat([old, marked.select(old.columns)])


def _together(used: Sequence[_Taken], frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    numbered = [frame.with_columns(pl.lit(at, pl.Int32).alias(AT)) for at, frame in enumerate(frames)]
    return pl.concat(numbered)


def _counted(taken: Sequence[_Taken], kept: pl.DataFrame, known: Known | None) -> tuple[PartFacts, ...]:
    """What became of each part, once it is known which rows count."""
    brought = dict(kept[AT].drop_nulls().value_counts().iter_rows())
    counts = iter(range(len(taken)))
    parts = []
    for one in taken:
        facts = one.facts
        if one.sifted is not None:
            fresh = int(brought.get(next(counts), 0))
            facts = msgspec.structs.replace(facts, fresh=fresh, duplicates=one.sifted.kept.height - facts.known - fresh)
        parts.append(facts)
    return tuple(parts)


def _plain(removed: Removed) -> dict[str, Any]:
    return {"part": removed.part, "row": removed.row, "reason": removed.reason, "values": removed.values}


def _parquet(rows: pl.DataFrame) -> bytes:
    file = io.BytesIO()
    rows.write_parquet(file, compression="zstd", compression_level=3, row_group_size=ROW_GROUP, statistics=False)
    return file.getvalue()
