"""An application's own routes reach its collection by the collection's verbs."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from typing import cast

import pytest

from assay.domain.items.collection import Wanted
from assay.errors import ItemNotFound, ModelNotFound, NotServing, ParameterInvalid
from assay.sources.application import Application
from assay.store.items.failures import Failed
from assay.store.items.groups import Group, Groups
from assay.web.items.answering import ServedItems
from tests import heard, waves
from tests.web.running import Running


@pytest.fixture
def kept(hearing: Running) -> Iterator[Running]:
    for name in ("b.wav", "a.wav", "c/d.wav"):
        assert hearing.ask("PUT", f"/files/{name}", waves.wav(), {}).status == 201
    yield hearing
    for name in hearing.get("/files").json:
        assert hearing.ask("DELETE", f"/files/{name}").status == 204
    assert list((hearing.assay.home / "artifacts").glob("*/*")) == []


def test_names_are_listed_in_their_order(kept: Running) -> None:
    assert kept.get("/files").json == ["a.wav", "b.wav", "c/d.wav"]
    assert kept.get("/files?limit=1&after=a.wav").json == ["b.wav"]
    assert kept.get("/files?limit=0").json["code"] == "invalid_parameter"


def test_one_item_is_told_by_its_name(kept: Running) -> None:
    assert kept.get("/files/c/d.wav").json == {"file": "c/d.wav", "duration": 2.0, "models": []}
    assert kept.get("/files/other").json["code"] == "item_not_found"


def test_why_an_item_has_no_scores_is_told_without_anything_internal(kept: Running) -> None:
    assert kept.get("/failures/a.wav").json == []
    assay = kept.assay
    item = assay.items.find("files", "a.wav")
    failed = [Failed(item.id, "artifact_rejected", "/var/lib/assay/artifacts/ab/abcd is gone")]
    Groups(assay.database).add(Group(sweep="", model="phrases", version=1, failed=failed))
    assert kept.get("/failures/a.wav").json == [
        [1, "artifact_rejected", "A file of the version is missing, damaged, or not what it says."]
    ]
    assert kept.get("/failures/other").json["code"] == "item_not_found"


def test_who_deletes_an_item_is_in_the_audit(kept: Running) -> None:
    assert kept.ask("DELETE", "/files/a.wav").status == 204
    assert kept.ask("DELETE", "/files/a.wav").status == 404
    assert kept.get("/files").json == ["b.wav", "c/d.wav"]
    told = kept.get("/v1/audit?subject=files/a.wav").json["results"][0]
    assert (told["action"], told["by"]) == ("item.delete", "HTTP")


def test_nothing_answers_yet(kept: Running) -> None:
    assert kept.get("/sweep").json == []


def test_each_verb_refuses_what_it_cannot_do(hearing: Running) -> None:
    served = ServedItems(hearing.process, hearing.assay.application.items()["files"])

    async def story() -> None:
        for limit in (0, 1_001):
            with pytest.raises(ParameterInvalid):
                await served.names(limit, "")
        for ask in (served.get, served.delete):
            with pytest.raises(ItemNotFound):
                await ask("other")
        with pytest.raises(ItemNotFound):
            await served.scores("other", {})
        with pytest.raises(ModelNotFound):
            await served.scores("other", {"model": "other"})
        impossible = ({"version": 2**63}, {"version": 0}, {"from_s": math.inf}, {"to_s": 1e308}, {"to_s": math.nan})
        for bounds in impossible:
            with pytest.raises(ParameterInvalid):
                await served.scores("other", cast("Wanted", bounds))

    asyncio.run(story())


def test_a_collection_that_is_not_served_says_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    found = Application.at(heard.write(tmp_path_factory.mktemp("alone"))).items()["files"]
    with pytest.raises(NotServing, match="'files'"):
        asyncio.run(found.names())
