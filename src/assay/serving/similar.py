"""Training rows that are like a question: equal in every grade and category, then the nearest in one number.

The rows are one array, sorted by what must be equal and then by what must be near, so that a search is two bisections
and a walk outwards, without an index and without parsing anything.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from assay.domain.question.contract import Contract, Similar
from assay.domain.question.faults import row_faults
from assay.domain.question.field import Field
from assay.errors import NothingSimilar, ParameterInvalid, QuestionInvalid
from assay.serving.loaded import LoadedVersion

MAX_SIMILAR = 1_000
NO_WORD = 65_535  # the code of a word that is not known


def rows_file(columns: Mapping[str, Sequence[Any]], contract: Contract) -> bytes:
    """The sorted rows as bytes of a `.npy` file with a numeric structured dtype; the same rows give the same bytes.

    `columns` holds each field of the contract and the target. Words become their place among the field's values.
    """
    order = [name for name, field in contract.fields.items() if field.kind != "text"]
    target = contract.target.name
    whole = all(float(value).is_integer() for value in columns[target])
    kinds = [(name, _kind(contract.fields[name])) for name in order] + [(target, "<i8" if whole else "<f8")]
    made = np.zeros(len(columns[target]), dtype=kinds)
    for name in order:
        made[name] = _coded(columns[name], contract.fields[name])
    made[target] = columns[target]
    similar = contract.similar
    if similar is not None:
        keys = [made[similar.nearest], *(made[name] for name in reversed(similar.equal))]
        made = made[np.lexsort(keys)]
    out = io.BytesIO()
    np.save(out, made, allow_pickle=False)
    return out.getvalue()


def similar(version: LoadedVersion, like: Mapping[str, Any], n: int) -> list[dict[str, Any]]:
    """At most `n` rows, the nearest first and, among equally near ones, the smaller first.

    Raises QuestionInvalid, ParameterInvalid or NothingSimilar.
    """
    if not 1 <= n <= MAX_SIMILAR:
        raise ParameterInvalid("n", f"must be a whole number from 1 to {MAX_SIMILAR}")
    wanted = version.contract.similar
    if wanted is None or version.rows is None:
        raise NothingSimilar(f"The model {version.model!r} keeps no training rows to compare with.")
    _check(like, version.contract, wanted)
    group = _group(version, like, wanted)
    if not len(group):
        said = ", ".join(f"{name} {like[name]}" for name in wanted.equal)
        raise NothingSimilar(f"No training row of version {version.number} has {said}.")
    near = group[wanted.nearest]
    first = int(np.searchsorted(near, like[wanted.nearest]))
    low, high = max(0, first - n), min(len(group), first + n)
    distance = np.abs(near[low:high] - float(like[wanted.nearest]))
    closest = low + np.argsort(distance, kind="stable")[:n]
    return [plain(group[place], version.contract) for place in closest]


def plain(row: Any, contract: Contract) -> dict[str, Any]:
    """A row as the table had it: words as words, numbers as numbers, in the contract's order and the target last."""
    found: dict[str, Any] = {}
    for name in row.dtype.names:
        value = row[name].item()
        field = contract.fields.get(name)
        found[name] = value if field is None else _told(value, field)
    return found


def _check(like: Mapping[str, Any], contract: Contract, wanted: Similar) -> None:
    needed = {name: contract.fields[name] for name in (*wanted.equal, wanted.nearest)}
    asked = {name: value for name, value in like.items() if name not in contract.fields or name in needed}
    faults = tuple(row_faults(asked, needed, "#"))
    if faults:
        raise QuestionInvalid(faults)


def _group(version: LoadedVersion, like: Mapping[str, Any], wanted: Similar) -> Any:
    group: Any = version.rows
    for name in wanted.equal:
        field = version.contract.fields[name]
        code = field.values.index(like[name])
        low, high = np.searchsorted(group[name], [code, code + 1])
        group = group[low:high]
    return group


def _kind(field: Field) -> str:
    if field.values:
        return "<u2"
    if field.nullable:
        return "<f8"  # which alone of the numeric kinds can say that nothing is known
    return {"integer": "<i8", "boolean": "?"}.get(field.kind, "<f8")


def _coded(values: Sequence[Any], field: Field) -> Any:
    if not field.values:
        return [np.nan if value is None else value for value in values]
    places = {word: place for place, word in enumerate(field.values)}
    return [NO_WORD if value is None else places[value] for value in values]


def _told(value: Any, field: Field) -> Any:
    """A kept value as it was told."""
    if field.values:
        return None if value == NO_WORD else field.values[value]
    if value != value:
        return None
    return {"integer": int, "boolean": bool}.get(field.kind, float)(value)
