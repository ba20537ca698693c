"""A query is open until its answers have been read."""

from __future__ import annotations

import msgspec

from assay.domain.given.query import Answer, Query


def test_a_query_names_its_version_and_is_open_at_first() -> None:
    query = Query(id="a", at=1, model="stone", version=3)
    assert (query.version, query.closed_at) == (3, None)


def test_an_answer_is_sent_with_its_id() -> None:
    assert msgspec.json.encode(Answer(id="a", prediction=1.5)) == b'{"id":"a","prediction":1.5}'
