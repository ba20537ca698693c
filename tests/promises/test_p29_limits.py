"""P29: limits hold by count, not by trust: what one request may carry, and one answer tell; the files beside hold the rest."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import assay
from assay.errors import ApplicationInvalid, QuestionInvalid, ScheduleInvalid
from assay.jobs.schedule import schedules_of
from assay.settings import ScheduleSetting, Settings
from tests.promises.conftest import Tally
from tests.promises.limits import documented, limit, tries
from tests.promises.servers import APPLICATION, NOTE, STONE, Answer, Server, copy_of, start

TRIALS = (
    "",
    "_audio",
    "_experiments",
    "_features",
    "_items",
    "_wire",
    "_held",
    "_kept",
    "_read",
    "_remote",
    "_sweeps",
    "_tasks",
    "_watching",
)
STONES, NOTES = "/v1/models/stones/predict", "/v1/models/notes/predict"
GOOD = json.dumps(STONE).encode()
BODY, BATCH, ROWS = 80_000, 90_000, 20
SMALL = {"max_body_bytes": BODY, "max_batch_bytes": BATCH, "max_rows": ROWS}
COUNTS = '\n\n@router.post("/counts")\nasync def counts(told: dict[str, int]) -> int:\n    return len(told)\n'


@pytest.fixture(scope="module")
def database_kind() -> str:
    """Nothing here depends on the database."""
    return "sqlite"


@pytest.fixture(scope="module")
def server(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server with small limits, and with a route whose faults the framework finds; unharmed at the end."""
    place = tmp_path_factory.mktemp("limits")
    application = place / "stones"
    shutil.copytree(APPLICATION, application)
    with (application / "api.py").open("a") as api:
        api.write(COUNTS)
    running = start(copy_of(trained, place / "home"), told=SMALL, application=application)
    yield running
    assert running.alive() and running.predict().status == 200
    running.kill()


def refused(answer: Answer, status: int, code: str) -> None:
    """The documented refusal came."""
    assert (answer.status, answer.code) == (status, code), answer.body[:300]


# ---- the page and the trials


def test_every_documented_limit_has_a_trial_and_every_trial_a_limit(tally: Callable[[str], Tally]) -> None:
    modules = [import_module(f"tests.promises.test_p29_limits{name}") for name in TRIALS]
    claimed = {name for module in modules for one in vars(module).values() for name in getattr(one, "tries", ())}
    assert len(claimed) > 50
    assert claimed == set(documented())
    tally("P29").count(0, len(claimed))


@pytest.mark.parametrize("name", [name for name, told in documented().items() if told.source])
def test_a_documented_number_is_the_one_that_holds(name: str) -> None:
    source = documented()[name].source
    room, _, constant = source.rpartition(".")
    holds = getattr(import_module(f"assay.{room}"), constant) if room else Settings.model_fields[source].default
    assert holds == limit(name)


def test_every_setting_that_is_a_count_is_documented() -> None:
    counted = {name for name in Settings.model_fields if name.startswith("max_")}
    assert counted == {told.source for told in documented().values() if told.source.startswith("max_")}


# ---- bodies


@tries("question-body")
def test_a_body_with_one_question(server: Server) -> None:
    assert server.ask(STONES, GOOD.ljust(BODY)).status == 200
    refused(server.ask(STONES, GOOD.ljust(BODY + 1)), 413, "too_large")


@tries("batch-body")
def test_a_body_with_a_list_and_any_other(server: Server) -> None:
    for path, body in ((STONES, b"[%s]" % GOOD), ("/v1/models/stones/explain", GOOD), ("/price", GOOD)):
        assert server.ask(path, body.ljust(BATCH)).status == 200
        refused(server.ask(path, body.ljust(BATCH + 1)), 413, "too_large")


@tries("order-body")
def test_an_order_to_train(server: Server) -> None:
    longest = limit("order-body")
    assert server.ask("/v1/models/notes/train", b"{}".ljust(longest)).status == 202
    refused(server.ask("/v1/models/notes/train", b"{}".ljust(longest + 1)), 413, "too_large")


@tries("rows")
def test_rows_of_one_list(server: Server) -> None:
    server.ask("/v1/datasets/many", b'{"model": "stones"}', method="PUT")
    query = server.ask("/v1/models/stones/queries", b"{}").json["location"]
    for path, row, good in ((STONES, STONE, 200), (query, STONE, 200), ("/v1/datasets/many/rows", STONE | {"price": 9}, 201)):  # fmt: skip
        assert server.ask(path, json.dumps([row] * ROWS).encode()).status == good
        refused(server.ask(path, json.dumps([row] * (ROWS + 1)).encode()), 413, "too_many_rows")


@tries("depth")
def test_levels_of_a_body(server: Server) -> None:
    deepest = limit("depth")
    assert server.ask(STONES, b"[" * deepest + b"]" * deepest).code == "wrong_type"  # read, and found to be no question
    refused(server.ask(STONES, b"[" * (deepest + 1) + b"]" * (deepest + 1)), 400, "too_deep")


@tries("keys")
def test_keys_of_one_object(server: Server) -> None:
    refused(server.ask(STONES, strange(limit("keys") - len(STONE))), 422, "unknown_feature")
    for path in (STONES, "/price"):
        refused(server.ask(path, strange(limit("keys") + 1 - len(STONE))), 422, "too_many_keys")


@tries("text")
def test_characters_of_a_text(server: Server) -> None:
    class Said(assay.Input):
        said: str = assay.Text()

    Said.take({"said": "x" * limit("text")})
    with pytest.raises(QuestionInvalid, match=f"longer than {limit('text')} characters"):
        Said.take({"said": "x" * (limit("text") + 1)})
    told = 70_000  # of the served model's field
    assert server.ask(NOTES, json.dumps(NOTE | {"text": "x" * told}).encode()).status == 200
    refused(server.ask(NOTES, json.dumps(NOTE | {"text": "x" * (told + 1)}).encode()), 422, "out_of_range")


# ---- addresses and parameters


@tries("address")
@pytest.mark.parametrize(
    ("start", "letter", "good"), [("/v1/exchanges?path=", "a", 200), ("/v1/models/", "a", 404), ("/v1/models/", "%61", 404)]
)  # fmt: skip
def test_characters_of_an_address(start: str, letter: str, good: int, server: Server) -> None:
    left = limit("address") - len(start.replace("?", ""))
    assert server.ask(start + letter * left).status == good
    refused(server.ask(start + letter * (left + 1)), 414, "uri_too_long")


@tries("idempotency-key")
def test_characters_of_a_key(server: Server) -> None:
    longest = limit("idempotency-key")
    assert server.predict(headers={"Idempotency-Key": "k" * longest}).status == 200
    refused(server.predict(headers={"Idempotency-Key": "k" * (longest + 1)}), 400, "bad_idempotency_key")


@tries("similar")
def test_similar_rows(server: Server) -> None:
    path = "/v1/models/stones/similar?n={}"
    found = server.ask(path.format(limit("similar")), GOOD)
    assert found.status == 200 and found.json["rows"]
    refused(server.ask(path.format(limit("similar") + 1), GOOD), 422, "invalid_parameter")


@tries("ordered-recipes", "ordered-parameters", "ordered-trials")
def test_what_an_order_to_train_names(server: Server) -> None:
    def order(**told: Any) -> Answer:
        return server.ask("/v1/models/notes/train", json.dumps(told).encode())

    def parameters(count: int) -> dict[str, int]:
        return {f"p{i}": i for i in range(count)}

    recipes, most, trials = (limit(f"ordered-{what}") for what in ("recipes", "parameters", "trials"))
    assert order(recipes=["plain"] * recipes).status == 202
    refused(order(recipes=["plain"] * (recipes + 1)), 422, "invalid")
    assert order(recipes=["plain"], parameters=parameters(most)).status == 202
    refused(order(recipes=["plain"], parameters=parameters(most + 1)), 422, "invalid")
    assert order(trials=trials).status == 202
    refused(order(trials=trials + 1), 422, "invalid")


# ---- what a refusal tells


@tries("faults")
def test_faults_of_one_refusal(server: Server) -> None:
    most = limit("faults")
    for path, more in ((STONES, "99 or more"), ("/price", "100 more"), ("/v1/models/stones/similar", "100 more")):
        told = server.ask(path, strange(most)).json
        assert (len(told["errors"]), "(and 99 more)" in told["detail"]) == (most, True)
        told = server.ask(path, strange(most + 1)).json
        assert (len(told["errors"]), f"(and {more})" in told["detail"]) == (most, True)
    counts = {f"c{i}": "many" for i in range(most + 1)}  # faults that the framework finds
    told = server.ask("/counts", json.dumps(counts).encode()).json
    assert (len(told["errors"]), "(and 100 more)" in told["detail"]) == (most, True)


@tries("told-words")
def test_words_that_a_fault_allows() -> None:
    most = limit("told-words")
    for words, more in ((most, ""), (most + 1, " and 1 more")):
        kind = made(word=assay.Category(*(f"w{i}" for i in range(words))))
        with pytest.raises(QuestionInvalid) as wrong:
            kind.take({"word": "x"})
        (fault,) = wrong.value.faults
        assert (len(fault.allowed), fault.detail.endswith(f", w{most - 1}{more}")) == (most, True)
        fields = made(**{f"f{i}": assay.Number(nullable=True) for i in range(words)})
        with pytest.raises(QuestionInvalid) as wrong:
            fields.take({"x": 1})
        assert len(wrong.value.faults[0].allowed) == most


@tries("repeated")
def test_what_is_repeated_of_a_name(server: Server) -> None:
    most = limit("repeated")
    for path, value in ((STONES, 1), ("/counts", "many")):
        for length in (most, most + 1):
            (fault,) = server.ask(path, json.dumps(STONE | {"k" * length: value} if path == STONES else {"k" * length: value}).encode()).json["errors"]  # fmt: skip
            assert fault["pointer"] == "#/" + "k" * most


# ---- names that an author gives


@tries("model-name", "recipe-name", "fields", "words")
def test_what_an_author_names() -> None:
    def model(name: str = "m", **fields: Any) -> Any:
        return assay.Model(name, input=made(**(fields or {"a": assay.Number()})), target="price")

    def recipe(length: int) -> None:
        def plain() -> None: ...

        plain.__name__ = "r" * length
        model().recipe(plain)

    for name, give in (
        ("model-name", lambda count: model("m" * count)), ("recipe-name", recipe),
        ("fields", lambda count: model(**{f"f{i}": assay.Number() for i in range(count)})),
        ("words", lambda count: model(word=assay.Category(*map(str, range(count))))),
    ):  # fmt: skip
        give(limit(name))
        with pytest.raises(ApplicationInvalid):
            give(limit(name) + 1)


@tries("schedule-name", "schedule-rule")
def test_what_a_schedule_names() -> None:
    def schedule(name: str, cron: str) -> None:
        schedules_of({name: ScheduleSetting.model_validate({"cron": cron})})

    longest, rule = limit("schedule-name"), "0 3 * * *"
    schedule("s" * longest, rule)
    schedule("s", rule.ljust(limit("schedule-rule")))
    for name, cron in (("s" * (longest + 1), rule), ("s", rule.ljust(limit("schedule-rule") + 1))):
        with pytest.raises(ScheduleInvalid):
            schedule(name, cron)


def strange(count: int) -> bytes:
    """A stone with so many keys that no stone has."""
    return json.dumps(STONE | {f"key{i}": 1 for i in range(count)}).encode()


def made(**fields: Any) -> Any:
    """An input with these fields."""
    return type("Made", (assay.Input,), {"__annotations__": dict.fromkeys(fields, Any), **fields})
