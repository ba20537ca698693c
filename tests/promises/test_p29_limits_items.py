"""P29: what a collection is called and holds, and how much of it is done at a time, is counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from assay.app import Assay
from assay.app.items import receiving
from assay.app.items.deleting import Deleting
from assay.app.items.watching import WatchedPlace
from assay.domain.items.collection import Items
from assay.errors import ApplicationInvalid
from assay.store.items import items
from tests import heard, rows, waves
from tests.promises.limits import limit, tries
from tests.web.items.conftest import untrained
from tests.web.running import Running, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("kept") / "home", opened=untrained) as running:
        yield running


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    (tmp_path / "sound").mkdir()
    with closing(Assay.at(heard.write(tmp_path / "app"), home=tmp_path / "home", data=str(tmp_path / "sound"))) as made:
        yield made


def look(place: WatchedPlace) -> None:
    place._changes._next = 0
    place.look()


@tries("collection-name")
def test_characters_of_a_collections_name(assay: Assay) -> None:
    models = [assay.application.model(None)]
    assert Items("x" * limit("collection-name"), models=models)
    with pytest.raises(ApplicationInvalid):
        Items("x" * (limit("collection-name") + 1), models=models)


@tries("item-name")
@pytest.mark.parametrize("letter", ["x", "%C3%A4"])
def test_bytes_of_an_items_name(letter: str, server: Running) -> None:
    wide = 1 if letter == "x" else 2
    good = "x" * (limit("item-name") % wide) + letter * (limit("item-name") // wide)
    assert server.ask("PUT", f"/files/{good}", waves.wav(), {}).status == 201
    beyond = server.ask("PUT", f"/files/x{good}", waves.wav(), {})
    assert (beyond.status, beyond.json["code"]) == (422, "invalid_name")


@tries("items-examined")
def test_recordings_that_are_examined_at_a_time(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once, most, lock, go_on = 0, 0, threading.Lock(), threading.Event()
    finish = receiving.Intake.finish

    def slowly(*told: Any) -> Any:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        go_on.wait(20)
        try:
            return finish(*told)
        finally:
            with lock:
                at_once -= 1

    monkeypatch.setattr(receiving.Intake, "finish", slowly)
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda one=number: answers.append(server.ask("PUT", f"/files/{one}.wav", waves.wav(), {}).status))
        for number in range(limit("items-examined") + 2)
    ]  # fmt: skip
    for one in threads:
        one.start()
    until = time.monotonic() + 10
    while at_once < limit("items-examined") and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.2)
    assert at_once == limit("items-examined")
    go_on.set()
    for one in threads:
        one.join(30)
    assert (answers, most) == ([201] * (limit("items-examined") + 2), limit("items-examined"))


@tries("watched-group")
def test_files_of_one_transaction(assay: Assay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(limit("watched-group") + 1):
        (tmp_path / "sound" / f"{number}.wav").write_bytes(waves.wav(1 + number / 100))
    monkeypatch.setattr("assay.app.items.watching.LOOK_US", 0)
    place = WatchedPlace(assay)
    for _ in range(2):
        look(place)
    assert assay.items.counts() == {"files": limit("watched-group")}
    place.look()
    assert assay.items.counts() == {"files": limit("watched-group") + 1}


@tries("watched-tries")
def test_times_that_a_file_is_tried(assay: Assay, tmp_path: Path) -> None:
    (tmp_path / "sound" / "one.wav").write_bytes(waves.wav())
    assay.sounds.close()
    place = WatchedPlace(assay)
    look(place)
    for _ in range(limit("watched-tries") - 1):
        look(place)
    assert assay.refusals.counts() == {}
    look(place)
    assert assay.refusals.counts() == {"files": 1}


@tries("cleared")
def test_items_whose_bytes_are_removed_in_one_look(assay: Assay) -> None:
    with assay.database.writing() as connection:
        for number in range(limit("cleared") + 1):
            items.add(connection, one := rows.item(f"{number}.wav"))
            items.end(connection, one, "deleted")
    assert [Deleting(assay).clear() for _ in range(3)] == [limit("cleared"), 1, 0]
