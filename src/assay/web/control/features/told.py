"""Entities as clients send them and are told of them."""

from __future__ import annotations

from typing import Any

from assay.app.features.loading import take
from assay.clock import iso
from assay.domain.features.entity import Entity
from assay.domain.features.table import Features
from assay.domain.question.field import object_schema
from assay.domain.question.reader import strict_json
from assay.errors import Fault, QuestionInvalid, TooManyRows


def table_json(table: Features) -> dict[str, Any]:
    """A feature table for people and programs."""
    schema = object_schema(table.name, table.fields)
    return {"name": table.name, "key": table.key, "form": table.form, "schema": schema}


def entity_json(found: Entity) -> dict[str, Any]:
    """An entity for people and programs."""
    ended = None if found.ended_at is None else iso(found.ended_at)
    return {
        "features": found.features, "entity": found.key, "values": found.values, "at": iso(found.at), "ended_at": ended,
        "by": found.by,
    }  # fmt: skip


def read_one(table: Features, key: str, body: bytes) -> str:
    """The features of one entity as they are kept; raises what `strict_json` raises, or QuestionInvalid."""
    sent = strict_json(body)
    if not isinstance(sent, dict):
        return table.told(sent)
    if table.key in sent and table.key_of(sent[table.key]) != key:
        raise QuestionInvalid((Fault(f"#/{table.key}", "is another key than the address has", "invalid_key"),))
    return table.told(table.from_object(sent))


def read_many(table: Features, body: bytes, most: int) -> tuple[dict[str, str], int]:
    """A list of rows as they are kept, by key, and how many there were.

    Raises what `strict_json` raises, TooManyRows, or QuestionInvalid, which names the rows that break a rule.
    """
    sent = strict_json(body)
    if not isinstance(sent, list) or not sent:
        raise QuestionInvalid((Fault("#", "must be a list of objects, one at least", "wrong_type"),))
    if len(sent) > most:
        raise TooManyRows(len(sent), most)
    found: dict[str, str] = {}
    faults: list[Fault] = []
    for place, row in enumerate(sent):
        if not isinstance(row, dict):
            faults.append(Fault(f"#/{place}", "must be an object", "wrong_type"))
            continue
        taken = take(table, [row], table.from_object)
        found |= taken.rows
        faults += [_moved(fault, place) for of in taken.wrong.values() for fault in of]
    if faults:
        raise QuestionInvalid(tuple(faults[:100]), more=len(faults) > 100)
    return found, len(sent)


def _moved(fault: Fault, place: int) -> Fault:
    within = fault.pointer.removeprefix("#").lstrip("/")
    return Fault(f"#/{place}/{within}".rstrip("/"), fault.detail, fault.code, fault.allowed)
