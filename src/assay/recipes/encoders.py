"""Encoders that are built from an input type: each word column becomes numbers, each number stays what it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, Literal

from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from assay.domain.question.field import Field
from assay.domain.question.input import Input
from assay.errors import ApplicationInvalid
from assay.recipes.expressions import Derive


def one_hot(
    asked: type[Input], only: Sequence[str] | None = None, *, drop: Literal["first"] | None = "first"
) -> ColumnTransformer:
    """Numbers pass; each word column becomes a column of 0 and 1 for each of its words, in their declared order.

    `only` names the fields to use; the others are left out. With `drop="first"` the first word of each field (the worst
    grade) is the one that the others are compared with, so that a linear model has one solution.
    """
    return _columns(asked, only, lambda words: OneHotEncoder(categories=words, drop=drop, sparse_output=False))


def ordinal(
    asked: type[Input],
    only: Sequence[str] | None = None,
    *,
    derive: Mapping[str, str] | None = None,
    keep: Sequence[str] | None = None,
) -> ColumnTransformer | Pipeline:
    """Numbers pass; each word becomes its place in the declared order, from 0, the worst grade, upwards.

    The columns come out in the order of the fields. With `derive`, columns computed by arithmetic expressions over them
    follow, and `keep` names the ones of the fields that stay (see `Derive`).
    """
    encoded = _columns(asked, only, lambda words: OrdinalEncoder(categories=words))
    if derive is None:
        return encoded
    names = list(_chosen(asked, only))
    return Pipeline(
        [
            ("encode", encoded),
            ("derive", Derive(dict(derive), None if keep is None else list(keep), columns=names)),
        ]
    )


def _columns(
    asked: type[Input], only: Sequence[str] | None, encoder: Callable[[list[list[str]]], Any]
) -> ColumnTransformer:
    fields = _chosen(asked, only)
    steps: list[tuple[str, Any, list[str]]] = []
    for wordy, run in groupby(fields, key=lambda name: bool(fields[name].values)):
        names = list(run)
        use = encoder([list(fields[name].values) for name in names]) if wordy else "passthrough"
        steps.append((f"{'words' if wordy else 'numbers'}_{len(steps)}", use, names))
    return ColumnTransformer(steps)


def _chosen(asked: type[Input], only: Sequence[str] | None) -> dict[str, Field]:
    fields = asked.assay_fields
    strange = [name for name in only or () if name not in fields]
    if strange:
        raise ApplicationInvalid(f"{asked.__name__} has no field {strange[0]!r}; it has {', '.join(fields)}.")
    chosen = {name: field for name, field in fields.items() if only is None or name in only}
    texts = [name for name, field in chosen.items() if field.kind == "text"]
    if texts:
        raise ApplicationInvalid(f"{texts[0]!r} is free text; leave it out with `only` and encode it in the recipe.")
    if not chosen:
        raise ApplicationInvalid(f"No field of {asked.__name__} is left to encode.")
    return chosen
