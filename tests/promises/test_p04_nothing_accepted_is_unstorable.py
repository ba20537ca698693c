"""P4: whatever is accepted can be stored and read back, and no input becomes a 500 or a gap in the record."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.domain.question.contract import Contract, Target
from assay.domain.question.field import Integer
from assay.domain.question.reader import QuestionReader
from tests.promises.conftest import Tally
from tests.promises.servers import JSON, NOTE, STONE, Server

EXAMPLES = {"pr": 250, "nightly": 20_000}
EXPECTED = {200, 400, 413, 415, 422}
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.sampled_from(["Ideal", "E", "a note", 1.0, 61.0, 3]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from([*STONE, *NOTE, "Carat", "x", "__proto__", ""])
ROWS = st.one_of(
    st.dictionaries(KEYS, VALUES, max_size=7), st.builds(lambda change: STONE | change, st.dictionaries(KEYS, SCALARS, max_size=2)),
    st.builds(lambda change: NOTE | change, st.dictionaries(KEYS, SCALARS, max_size=2)), VALUES,
)  # fmt: skip


def spelt(value: Any) -> bytes:
    """JSON as a careless client writes it: with NaN, with lone surrogates."""
    return json.dumps(value).encode("utf-8", "surrogatepass")


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Questions, near-questions, and such with some bytes changed, cut or doubled."""
    body = spelt(draw(st.one_of(ROWS, st.lists(ROWS, max_size=4))))
    if draw(st.booleans()) or not body:
        return body
    at = draw(st.integers(0, len(body) - 1))
    patch = draw(
        st.one_of(
            st.binary(max_size=4),
            st.sampled_from([b"\\u0000", b"\\ud800", b"\xff", b"1e999", b"9" * 400, b"9" * 309, b"NaN", b'"']),
        )
    )
    return body[:at] + patch + body[at + draw(st.integers(0, 3)) :]


@pytest.mark.timeout(1800)
def test_every_body_is_answered_or_refused_and_can_be_read_back(
    shared_server: Server, tier: str, tally: Callable[[str], Tally]
) -> None:
    count = tally("P4")

    @settings(
        max_examples=EXAMPLES[tier],
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        derandomize=tier == "pr",
    )
    @given(
        bodies(),
        st.sampled_from(
            [
                "/v1/models/stones/predict",
                "/v1/models/notes/predict",
                "/v1/models/stones/explain",
                "/v1/models/stones/similar",
                "/price",
            ]
        ),
    )
    def send(body: bytes, path: str) -> None:
        answer = shared_server.ask(path, body, headers=JSON)
        count.count(1)
        assert answer.status in EXPECTED | ({404} if path.endswith("similar") else set()), answer.body
        kept = shared_server.exchange(answer.headers["x-request-id"])
        assert kept is not None
        told = kept["request"]
        assert (base64.b64decode(told["base64"]) if isinstance(told, dict) else told.encode()) == body
        assert kept["response"] == answer.body.decode() or kept["response_size"] == len(answer.body)
        count.failures -= 1

    send()
    assert shared_server.alive()
    assert shared_server.predict().status == 200


def test_a_whole_number_without_limits_can_be_asked_after_its_contract_was_stored() -> None:
    """The contract goes through JSON, in which the largest whole number is no longer exact."""
    contract = Contract(
        model="m", fields={"n": Integer(), "k": Integer(at_least=0)}, target=Target(name="y"), metric="mae"
    )
    stored = msgspec.json.decode(msgspec.json.encode(contract), type=Contract)
    rows, _ = QuestionReader(stored).read(b'{"n": -5, "k": 9223372036854775807}')
    assert (rows[0].n, rows[0].k) == (-5, 2**63 - 1)
