"""An application's own routes look entities up and answer for them, and the record names each with what it was asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from assay.clock import now_us
from assay.domain.features.entity import Entity
from assay.domain.question.contract import Contract, Target
from assay.domain.question.field import Field
from assay.errors import EntityNotFound, EntityOutdated, StoreUnavailable
from assay.store.paging import Window
from assay.web.features.lookups import Lookups, question_about
from tests import known
from tests.web.running import Running, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("served") / "home", opened=known.opened) as running:
        yield running


def test_an_entity_is_answered_for_and_recorded_with_its_features(server: Running) -> None:
    put = server.ask("PUT", "/v1/features/shops/mine", known.SHOP)
    assert put.status == 201
    answer = server.get("/shops/mine")
    assert answer.status == 200
    assert answer.json["name"] == "Corner" and abs(answer.json["sold"] - 1500) < 30
    (recorded,) = server.assay.predictions.page(Window(limit=5), entity="shops/mine").entries
    assert (recorded.id, recorded.exchange, recorded.entity) == (answer.json["prediction"], answer.id, "shops/mine")
    assert json.loads(bytes(recorded.question)) == {"size": 100.0, "town": "south", "staff": 3}

    server.ask("PUT", "/v1/features/shops/mine", known.SHOP | {"size": 200.0})
    later = server.get("/shops/mine")
    assert later.json["sold"] > answer.json["sold"] + 900, "what is put is what is asked"
    found = server.get(f"/v1/predictions/{answer.json['prediction']}").json
    past = server.get(f"/v1/features/shops/mine?as_of={found['at'].replace('+', '%2B')}").json
    assert {name: past["values"][name] for name in found["question"]} == found["question"]
    told = server.get("/v1/predictions?entity=shops/mine&model=sales").json
    assert [one["id"] for one in told["results"]] == [later.json["prediction"], answer.json["prediction"]]


def test_a_key_alone_is_enough(server: Running) -> None:
    assert server.get("/brief/s1").json == pytest.approx(server.get("/shops/s1").json["sold"])


def test_what_is_not_there_is_404_and_what_cannot_be_is_422(server: Running) -> None:
    for path in ("/shops/strange", "/brief/strange", "/past/s1/5"):
        answer = server.get(path)
        assert (answer.status, answer.json["code"]) == (404, "entity_not_found")
        assert server.recorded(answer).status == 404
    answer = server.get("/shops/" + "x" * 129)
    assert (answer.status, answer.json["code"], answer.json["errors"][0]["code"]) == (
        422,
        "entity_key_invalid",
        "invalid_key",
    )


def test_the_past_can_be_asked_for(server: Running) -> None:
    assert server.get(f"/past/s1/{now_us()}").json == server.get("/v1/features/shops/s1").json["values"]


def test_many_at_once_are_each_answered(server: Running) -> None:
    with ThreadPoolExecutor(16) as askers:
        found = list(askers.map(lambda place: server.get(f"/shops/s{place % 50}"), range(150)))
    assert {answer.status for answer in found} == {200}
    assert [answer.json["name"] for answer in found] == [f"Shop {place % 50}" for place in range(150)]


class Broken:
    """A store that is away."""

    def look(self, wanted: object) -> dict[tuple[str, str], Entity]:
        raise StoreUnavailable


def test_a_store_that_is_away_fails_those_who_wait_and_no_others(tmp_path: Path, server: Running) -> None:
    async def ask() -> None:
        lookups = Lookups(server.process)
        with pytest.raises(EntityNotFound):
            await lookups.find("shops", "nobody")
        good, lookups.store = lookups.store, Broken()  # type: ignore[assignment]  # a store that is away
        found = await asyncio.gather(*(lookups.find("shops", "s1") for _ in range(3)), return_exceptions=True)
        assert [type(one) for one in found] == [StoreUnavailable] * 3
        lookups.store = good
        assert (await lookups.find("shops", "s1")).key == "s1"

    asyncio.run(ask())


def test_what_lacks_what_is_asked_is_outdated() -> None:
    contract = Contract(
        model="sales", fields={"size": Field(kind="number"), "staff": Field(kind="integer", nullable=True)},
        target=Target(name="sold"), metric="mae",
    )  # fmt: skip
    told = Entity(features="shops", key="s1", values={"size": 1.0, "name": "a"}, at=1)
    assert question_about(told, contract).staff is None
    with pytest.raises(EntityOutdated, match="missing required field `size`"):
        question_about(Entity(features="shops", key="s1", values={}, at=1), contract)
