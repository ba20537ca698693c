"""Recordings in the watched folder become items when they are whole, once, and stay when they vanish."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from assay.app import Assay
from assay.app.items.deleting import Deleting
from assay.app.items.watching import AT_ONCE, WatchedPlace, watched
from assay.store.items import items
from tests import heard, rows, tiny, waves
from tests.app.items.test_receiving import kept_files, send

Opened = Callable[..., Assay]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sound").mkdir()
    return tmp_path / "sound"


@pytest.fixture
def opened(tmp_path: Path, folder: Path) -> Iterator[Opened]:
    made: list[Assay] = []

    def open_(**told: Any) -> Assay:
        asked = {"home": tmp_path / "home", "data": str(folder)} | told
        made.append(Assay.at(heard.write(tmp_path / "app"), **asked))
        return made[-1]

    yield open_
    for one in made:
        one.close()


@pytest.fixture
def assay(opened: Opened) -> Assay:
    return opened()


@pytest.fixture
def place(assay: Assay) -> WatchedPlace:
    return WatchedPlace(assay)


def put(folder: Path, name: str, body: bytes | None = None) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(waves.wav() if body is None else body)
    return file


def look(place: WatchedPlace, times: int = 2) -> None:
    """Looks, as if so much time had passed that nothing is too early."""
    for _ in range(times):
        place._changes._next = 0
        place.look()


def after(place: WatchedPlace, assay: Assay) -> WatchedPlace:
    """The next worker's, once this one's has ended."""
    os.close(place._lock)
    return WatchedPlace(assay)


def names(assay: Assay) -> list[str]:
    return [one.name for one in assay.items.page("files", limit=1_000)]


def test_a_recording_is_an_item_once_two_looks_have_found_it_alike(
    assay: Assay, place: WatchedPlace, folder: Path
) -> None:
    file = put(folder, "a/ä.wav")
    look(place, 1)
    assert names(assay) == []
    file.write_bytes(waves.wav(3))  # it is still being written
    look(place, 1)
    assert names(assay) == []
    look(place, 1)
    item = assay.items.find("files", "a/ä.wav")
    assert (item.digest, item.size) == (sha256(waves.wav(3)).hexdigest(), len(waves.wav(3)))
    assert (item.origin, item.by, item.sound.duration_s) == ("watched", "watched place", 3)
    assert assay.artifacts.confirmed(item.digest).read_bytes() == waves.wav(3)
    assert file.exists()


def test_what_has_not_changed_is_not_looked_into_again_nor_after_a_restart(
    assay: Assay, place: WatchedPlace, folder: Path, opened: Opened
) -> None:
    put(folder, "one.wav")
    look(place)
    before = assay.items.find("files", "one.wav")
    look(place)
    other = opened()
    for one in (assay, other):
        one.sounds.close()  # whoever asks it now is refused
    look(after(place, other))
    assert other.refusals.page("files") == []
    assert other.items.find("files", "one.wav") == before


def test_a_file_that_changes_is_a_new_item_and_one_that_is_only_touched_is_not(
    assay: Assay, place: WatchedPlace, folder: Path
) -> None:
    file = put(folder, "one.wav")
    look(place)
    first = assay.items.find("files", "one.wav")
    os.utime(file, ns=(1, 1))
    look(place)
    touched = assay.items.find("files", "one.wav")
    assert (touched.id, touched.place != first.place) == (first.id, True)
    put(folder, "one.wav", waves.wav(3))
    look(place)
    assert [one.ending for one in assay.items.revisions("files", "one.wav")] == ["", "replaced"]
    Deleting(assay).clear()
    assert [file.name for file in kept_files(assay)] == [sha256(waves.wav(3)).hexdigest()]


def test_a_file_that_vanishes_stays_an_item(assay: Assay, place: WatchedPlace, folder: Path) -> None:
    put(folder, "one.wav").unlink()
    put(folder, "two.wav")
    look(place)
    (folder / "two.wav").unlink()
    look(place)
    assert names(assay) == ["two.wav"]
    shutil.rmtree(folder)
    look(place)
    assert names(assay) == ["two.wav"]


def test_a_deleted_file_comes_back_when_its_bytes_change_and_not_before(
    assay: Assay, place: WatchedPlace, folder: Path, opened: Opened
) -> None:
    file = put(folder, "one.wav")
    look(place)
    digest = assay.items.find("files", "one.wav").digest
    Deleting(assay).delete("files", "one.wav", "a test")
    look(place)
    os.utime(file, ns=(1, 1))
    look(place)
    place = after(place, opened())
    look(place)
    assert names(assay) == []
    assert not assay.artifacts.path(digest).exists(), "nor do its bytes"
    file.write_bytes(waves.wav(3))
    look(place)
    assert names(assay) == ["one.wav"]


def test_an_upload_wins_until_the_file_changes(assay: Assay, place: WatchedPlace, folder: Path) -> None:
    file = put(folder, "one.wav")
    look(place)
    uploaded, _ = send(assay, waves.wav(5))
    os.utime(file, ns=(1, 1))
    look(place)
    assert assay.items.find("files", "one.wav") == uploaded
    assert len(kept_files(assay)) == 1
    file.write_bytes(waves.wav(3))
    look(place)
    assert assay.items.find("files", "one.wav").sound.duration_s == 3


def test_what_cannot_be_heard_is_refused_once_until_it_changes(
    assay: Assay, place: WatchedPlace, folder: Path, opened: Opened
) -> None:
    put(folder, "page.wav", b"<!doctype html>" * 10)
    put(folder, "empty.wav", b"")
    put(folder, "short.wav", waves.wav(0.5))
    put(folder, "b/content", b"")
    put(folder, "good.wav")
    with capture_logs() as said:
        look(place, 4)
        place = after(place, opened())
        look(place, 4)
    told = {one["name"]: one["code"] for one in said if one["event"] == "recording_refused"}
    assert told == {"page.wav": "audio_unsupported", "empty.wav": "empty", "short.wav": "too_short"}
    assert len([one for one in said if one["event"] == "recording_refused"]) == 3
    refused = assay.refusals.page("files")
    assert [(one.name, one.code) for one in refused] == sorted(told.items())
    assert "0.5" in refused[2].error
    assert names(assay) == ["good.wav"]
    put(folder, "page.wav")
    (folder / "empty.wav").unlink()
    look(place)
    assert names(assay) == ["good.wav", "page.wav"]
    assert [one.name for one in assay.refusals.page("files")] == ["short.wav"]
    assert list((assay.home / "quarantine").iterdir()) == []


def test_what_may_be_no_fault_of_the_file_is_tried_three_times(assay: Assay, place: WatchedPlace, folder: Path) -> None:
    put(folder, "one.wav")
    assay.sounds.close()
    with capture_logs() as said:
        look(place, 3)
        assert assay.refusals.page("files") == []
        look(place, 2)
    (refused,) = assay.refusals.page("files")
    assert refused.code == "decoder_crashed"
    assert [one["event"] for one in said] == ["recording_not_read", "recording_refused"]


def test_a_file_that_is_too_large_is_refused_without_being_read(opened: Opened, folder: Path) -> None:
    assay = opened(max_upload_bytes=10_000)
    put(folder, "one.wav")
    look(WatchedPlace(assay))
    (refused,) = assay.refusals.page("files")
    assert refused.code == "too_large"


def test_a_name_that_cannot_be_one_is_refused(assay: Assay, place: WatchedPlace, folder: Path) -> None:
    put(folder, "a\nb.wav")
    look(place)
    (refused,) = assay.refusals.page("files")
    assert (refused.name, refused.code) == ("a\nb.wav", "invalid_name")


def test_a_file_that_may_not_be_read_is_tried_again(assay: Assay, place: WatchedPlace, folder: Path) -> None:
    file = put(folder, "one.wav")
    look(place, 1)
    target = folder.parent / "elsewhere"
    file.rename(target)
    file.symlink_to(target)  # leads out of the folder now, though the list still has it
    place._changes._seen = {"one.wav": "1"}
    with capture_logs() as said:
        look(place, 3)
    assert names(assay) == []
    assert [one for one in said if one["log_level"] == "error"] == []
    file.unlink()
    target.rename(file)
    look(place)
    assert names(assay) == ["one.wav"]


def test_one_look_takes_a_second_and_goes_on_where_it_was(
    assay: Assay, place: WatchedPlace, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2 * AT_ONCE + 1):
        put(folder, f"{number:02}.wav", waves.wav(1 + number / 100))
    monkeypatch.setattr("assay.app.items.watching.LOOK_US", 1)  # of which each transaction takes more
    look(place, 2)
    assert len(names(assay)) == AT_ONCE
    place.look()
    assert len(names(assay)) == 2 * AT_ONCE
    place.look()
    assert len(names(assay)) == 2 * AT_ONCE + 1


def test_a_place_of_many_files_is_listed_less_often(assay: Assay, place: WatchedPlace, folder: Path) -> None:
    put(folder, "one.wav")
    look(place, 1)
    place._changes._next = 2**62
    for _ in range(3):
        place.look()
    assert names(assay) == []


def test_one_worker_of_a_machine_watches(assay: Assay, place: WatchedPlace, folder: Path, opened: Opened) -> None:
    put(folder, "one.wav")
    look(place, 1)
    other = WatchedPlace(opened())
    look(other)
    assert names(assay) == []
    os.close(place._lock)  # its worker has ended
    look(other)
    assert names(assay) == ["one.wav"]


def test_what_another_host_has_taken_in_is_left_alone(assay: Assay, place: WatchedPlace, folder: Path) -> None:
    file = put(folder, "one.wav")
    look(place, 1)
    state = file.stat()
    tag = f"{state.st_size} {state.st_mtime_ns}-{state.st_ino}"
    with assay.database.writing() as connection:
        items.add(connection, theirs := rows.item(origin="watched", place=tag))
    assay.sounds.close()
    look(place, 3)
    assert assay.items.find("files", "one.wav") == theirs


def test_bytes_that_somebody_deletes_meanwhile_are_kept_at_the_next_look(
    assay: Assay, place: WatchedPlace, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder, "one.wav")
    take = assay.artifacts.take

    def take_and_lose(file: Path, name: str) -> None:
        take(file, name)
        assay.artifacts.drop(name)

    with monkeypatch.context() as lossy:
        lossy.setattr(assay.artifacts, "take", take_and_lose)
        look(place)
    assert names(assay) == []
    look(place)
    assert names(assay) == ["one.wav"]


def test_a_place_that_is_not_there_is_said_once_in_a_while(opened: Opened, folder: Path) -> None:
    place = WatchedPlace(opened(data=str(folder / "later")))
    with capture_logs() as said:
        for _ in range(5):
            place.look()
        put(folder, "later/one.wav")
        look(place)
    assert [one["event"] for one in said] == [
        "recordings_not_looked_at", "recordings_not_looked_at_no_more", "recordings_taken_in",
    ]  # fmt: skip


def test_nothing_is_watched_without_a_place_or_without_a_collection(opened: Opened, tmp_path: Path) -> None:
    for data in ("dataset:mine", "postgresql://localhost/x"):
        assert watched(opened(data=data)) is None
    other = Assay.at(tiny.write(tmp_path / "tiny"), home=tmp_path / "other", data=str(tmp_path))
    assert watched(other) is None
    WatchedPlace(other).look()
    assert not (tmp_path / "other" / "watching.lock").exists()
    other.close()


def test_a_module_that_cannot_be_imported_stops_nothing_else(opened: Opened, tmp_path: Path) -> None:
    assay = opened()
    (tmp_path / "app" / "model.py").write_text("Items = 1 / 0\n")
    import sys

    sys.modules.pop("model", None)
    with capture_logs() as said:
        assert watched(assay) is None
    assert said[0]["event"] == "nothing_is_watched"
