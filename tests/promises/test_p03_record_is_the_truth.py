"""P3: what is recorded is what crossed the wire, byte for byte, and the version named is the one that computed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.promises.checker import opened, rows, violations
from tests.promises.conftest import Tally
from tests.promises.ledger import Ledger, Load, single
from tests.promises.servers import JSON, NOTE, STONE, Answer, Server, serving

EXAMPLES = {"pr": 40, "nightly": 2500}
SPACES = st.sampled_from(["", " ", "\n", "\t", "\r\n", "  "])
# every way in which JSON may spell a number between 0.01 and 19
FLOATS = st.floats(0.01, 19, allow_subnormal=False)
NUMBERS = st.one_of(
    FLOATS.map(repr), FLOATS.map(lambda value: f"{value:.17g}"), FLOATS.map(lambda value: f"{value:.25f}"),
    st.integers(1, 19).map(str), st.integers(1, 9).map(lambda value: f"{value}e0"), st.integers(1, 9).map(lambda value: f"{value}E-1"),
    st.integers(1, 9).map(lambda value: f"0.{value}e+1"),
)  # fmt: skip
ANY_NUMBER = st.floats(allow_nan=False, allow_infinity=False, width=32).map(repr)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)


@st.composite
def stones(draw: st.DrawFn) -> bytes:
    """One stone, spelt in any way."""
    parts = {
        "carat": draw(NUMBERS),
        "depth": draw(NUMBERS),
        "cut": '"Ideal"',
        "color": draw(st.sampled_from(['"E"', r'"\u0045"'])),
    }
    order = draw(st.permutations(sorted(parts)))
    space = draw(SPACES)
    return (
        "{" + space + f",{space}".join(f'"{name}"{space}:{space}{parts[name]}' for name in order) + space + "}" + space
    ).encode()


@st.composite
def notes(draw: st.DrawFn) -> bytes:
    """One note with any text and numbers."""
    text = json.dumps(draw(TEXTS), ensure_ascii=draw(st.booleans()))
    spelt = {"text": text, "count": str(draw(st.integers(-(2**53), 2**53))), "weight": draw(ANY_NUMBER), "urgent": "true",
             "discount": draw(st.sampled_from(["null", "-0.0", "1e-400", "0.1"]))}  # fmt: skip
    return ("{" + ",".join(f'"{name}":{value}' for name, value in spelt.items()) + "}").encode()


@pytest.mark.timeout(1800)
def test_the_recorded_bytes_are_the_bytes_on_the_wire(
    shared_server: Server, tier: str, tally: Callable[[str], Tally]
) -> None:
    count = tally("P3")

    @settings(
        max_examples=EXAMPLES[tier],
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        derandomize=tier == "pr",
    )
    @given(st.lists(st.one_of(stones(), notes()), min_size=1, max_size=12))
    def compare(bodies: list[bytes]) -> None:
        answers: list[tuple[str, bytes, Answer]] = []
        for body in bodies:
            model = "notes" if b'"text"' in body else "stones"
            answers.append((model, body, shared_server.ask(f"/v1/models/{model}/predict", body, headers=JSON)))
        with opened(shared_server.home) as database:
            for model, body, answer in answers:
                kept = database.execute(
                    "SELECT * FROM exchanges WHERE id = ?", [answer.headers["x-request-id"]]
                ).fetchone()
                assert (kept["request"], kept["response"], kept["status"]) == (body, answer.body, answer.status)
                assert answer.status == 200 or answer.json["code"] == "model_bad_output", answer.body
                made = database.execute("SELECT * FROM predictions WHERE exchange = ?", [kept["id"]]).fetchall()
                if answer.status == 200:
                    told = answer.json
                    assert [(row["id"], row["model"], row["version"]) for row in made] == [
                        (told["id"], model, told["version"])
                    ]
                    assert json.loads(made[0]["answer"]) == told["prediction"] == made[0]["value"]
                    assert json.loads(made[0]["question"]) == json.loads(body)
                count.count(0)

    compare()


def test_a_list_is_recorded_row_by_row_in_its_order(shared_server: Server) -> None:
    questions = [STONE | {"carat": 0.5 + place / 100} for place in range(50)]
    answer = shared_server.predict(questions)
    kept = rows(
        shared_server.home,
        "SELECT * FROM predictions WHERE exchange = ? ORDER BY position",
        answer.headers["x-request-id"],
    )
    assert [row["id"] for row in kept] == [one["id"] for one in answer.json]
    assert [json.loads(row["question"]) for row in kept] == questions
    assert [row["value"] for row in kept] == [one["prediction"] for one in answer.json]


def test_a_whole_number_beyond_the_doubles_is_recorded_as_it_was_sent(shared_server: Server) -> None:
    body = json.dumps(NOTE).replace('"weight": 1.0', '"weight": 9007199254740993').encode()
    answer = shared_server.ask("/v1/models/notes/predict", body, headers=JSON)
    kept = rows(shared_server.home, "SELECT request FROM exchanges WHERE id = ?", answer.headers["x-request-id"])
    assert kept == [{"request": body}]
    assert answer.status == 200


def test_a_long_answer_of_a_reading_route_is_kept_as_its_size_and_digest(shared_server: Server) -> None:
    shared_server.predict([STONE] * 400)
    answer = shared_server.ask("/v1/predictions?limit=1000")
    assert len(answer.body) > 65_536
    kept = rows(shared_server.home, "SELECT * FROM exchanges WHERE id = ?", answer.headers["x-request-id"])[0]
    assert kept["response"] is None
    assert (kept["response_size"], kept["response_digest"]) == (len(answer.body), sha256(answer.body).hexdigest())


def test_the_checker_notices_one_changed_bit(home: Path, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    with serving(home) as server:
        asyncio.run(Load(server.port, ledger, single).run(2, count=10))
    assert violations(home, ledger.entries()) == []
    with opened(home) as database:
        kept = database.execute("SELECT id, response FROM exchanges WHERE path LIKE '%predict' LIMIT 1").fetchone()
        damaged = bytes([kept["response"][0] ^ 1]) + kept["response"][1:]
        database.execute("UPDATE exchanges SET response = ? WHERE id = ?", [damaged, kept["id"]])
    assert violations(home, ledger.entries()) == [f"{kept['id']}: the recorded response is not what arrived"]
