"""Telling the truth: which predictions it is about, whether it can be so, and all of it kept or nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from assay.domain.features.table import NAME, RULES, Features
from assay.domain.outcome import About, Outcome, Told, Truth
from assay.errors import ApplicationInvalid, EntityKeyInvalid, Fault, QuestionInvalid
from assay.store.record.outcomes import Kind

if TYPE_CHECKING:
    from assay.app import Assay

FORM = 'must be the name of a feature table, "/" and a key, as the record names entities'
NAMED = 40  # characters of a label that is none


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody says in one `place` of a body: of a prediction, or of an entity, whose prediction is looked for."""

    place: str
    of: str | About
    value: float | list[str] | dict[str, bool]
    observed_at: int


def tell(assay: Assay, said: Sequence[Said], exchange: str | None = None) -> list[Outcome]:
    """Keeps all of it; raises QuestionInvalid, which names every place that is about nothing, or says what cannot be."""
    ids = _predictions(assay, said)
    kinds = assay.outcomes.kinds([one for one in ids if one is not None])
    faults = [fault for one, id in zip(said, ids, strict=True) if (fault := _fault(one, kinds.get(id or "")))]
    if faults:
        raise QuestionInvalid(tuple(faults))
    told = [
        Told(prediction=id, value=_truth(one, kinds[id]), observed_at=one.observed_at)
        for one, id in zip(said, ids, strict=True)
        if id is not None
    ]
    kept = assay.outcomes.add(told, exchange)
    gone = [_unknown(said[one]) for one in kept if isinstance(one, int)]  # deleted in this moment
    if gone:
        raise QuestionInvalid(tuple(gone))
    return [one for one in kept if isinstance(one, Outcome)]


def _predictions(assay: Assay, said: Sequence[Said]) -> list[str | None]:
    """The ids of the predictions that it is said of; those about entities are found together."""
    tables = _tables(assay) if any(isinstance(one.of, About) for one in said) else {}
    named = [_named(one.of, tables, one.place) if isinstance(one.of, About) else one.of for one in said]
    found = iter(assay.outcomes.about([one for one in named if isinstance(one, About)]))
    return [next(found) if isinstance(one, About) else one for one in named]


def _tables(assay: Assay) -> Mapping[str, Features]:
    try:
        return assay.application.features()
    except ApplicationInvalid:  # what was answered before can be told of all the same
        return {}


def _named(about: About, tables: Mapping[str, Features], place: str) -> About:
    """The entity as the record names it; raises QuestionInvalid where it is no such name."""
    features, _, key = about.entity.partition("/")
    pointer, table = f"{place}/entity", tables.get(features)
    if not NAME.fullmatch(features) or not key.isprintable() or not key:
        raise QuestionInvalid((Fault(pointer, FORM),))
    try:
        return about if table is None else about._replace(entity=f"{features}/{table.key_of(key)}")
    except EntityKeyInvalid:
        said = f"has a key that cannot be one of {features}, which {RULES[tables[features].form]}"
        raise QuestionInvalid((Fault(pointer, said, "invalid_key"),)) from None


def _fault(said: Said, kind: Kind | None) -> Fault | None:
    """What is wrong with it; None where nothing is."""
    if kind is None:
        return _unknown(said)
    pointer, number = f"{said.place}/value", isinstance(said.value, float)
    if kind.timed:
        return Fault(pointer, "is about a recording, whose truth has times and is not told here")
    if (kind.labels is None) != number:
        wanted = "a list of labels, or an object that says true or false of labels" if number else "a number"
        return Fault(pointer, f"must be {wanted}, as the model answers", "wrong_type")
    strange = next(_strange(said, kind.labels or ()), None)
    if strange is None:
        return None
    return Fault(
        pointer, f"names {strange[:NAMED]!r}, which is no label of the version", "unknown_category", kind.labels or ()
    )


def _strange(said: Said, labels: tuple[str, ...]) -> Iterator[str]:
    known = frozenset(labels)
    return (one for one in (() if isinstance(said.value, float) else said.value) if one not in known)


def _unknown(said: Said) -> Fault:
    if isinstance(said.of, About):
        told = "is an entity about which the model has given no answer until then"
        return Fault(f"{said.place}/entity", told, "unknown_prediction")
    return Fault(f"{said.place}/prediction", "names no prediction of the record", "unknown_prediction")


def _truth(said: Said, kind: Kind) -> Truth:
    """A number, or the labels that were there; those that are not named were not."""
    if isinstance(said.value, float):
        return said.value
    there = {one for one, true in said.value.items() if true} if isinstance(said.value, dict) else set(said.value)
    return tuple(one for one in kind.labels or () if one in there)
