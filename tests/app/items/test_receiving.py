"""A recording that is sent is examined before it is kept, and kept whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from assay.app import Assay
from assay.app.items.receiving import Intake
from assay.domain.items.item import Item
from assay.errors import (
    ArtifactRejected,
    AssayError,
    AudioRejected,
    AudioTooLong,
    AudioUnsupported,
    BodyTooLarge,
    CollectionNotFound,
    ItemRejected,
    StoreUnavailable,
)  # fmt: skip
from assay.store.databases.sqlite import Sqlite
from tests import heard, waves


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    made = Assay.at(heard.write(tmp_path / "app"), home=tmp_path / "home", max_upload_bytes=1 << 20)
    yield made
    made.close()


def send(assay: Assay, body: bytes, name: str = "one.wav") -> tuple[Item, bool]:
    intake = Intake(assay)
    collection = intake.collection("files", name)
    draft = intake.begin(len(body))
    try:
        draft.write(body)
        return intake.finish(draft, collection, name, "a test")
    finally:
        draft.discard()


def kept_files(assay: Assay) -> list[Path]:
    return [*(assay.home / "artifacts").glob("*/*"), *(assay.home / "quarantine").glob("*")]


def test_a_recording_is_kept_as_it_was_sent(assay: Assay) -> None:
    body = waves.wav(2.5, 44_100, 2)
    item, new = send(assay, body, "a/ä.mp3")
    assert (item.name, item.digest, item.size, new) == ("a/ä.mp3", sha256(body).hexdigest(), len(body), True)
    assert (item.sound.format, item.sound.rate, item.sound.channels, item.sound.duration_s) == ("wav", 44_100, 2, 2.5)
    assert (item.origin, item.place, item.by) == ("upload", "", "a test")
    assert assay.items.find("files", "a/ä.mp3") == item
    (file,) = kept_files(assay)
    assert (file, file.read_bytes()) == (assay.artifacts.confirmed(item.digest), body)


def test_the_same_bytes_are_one_item_under_a_name_and_one_file_under_any(assay: Assay) -> None:
    first, _ = send(assay, waves.wav())
    assert send(assay, waves.wav()) == (first, False)
    other, new = send(assay, waves.wav(), "two.wav")
    assert (other.digest, other.id != first.id, new) == (first.digest, True, True)
    assert len(kept_files(assay)) == 1


def test_other_bytes_take_the_place_of_those_that_were_there(assay: Assay) -> None:
    first, _ = send(assay, waves.wav())
    second, new = send(assay, waves.wav(3))
    assert new
    assert assay.items.find("files", "one.wav") == second
    (file,) = kept_files(assay)
    assert file == assay.artifacts.path(second.digest)
    assert assay.items.uncleared(10) == []
    assert [one.id for one in assay.items.revisions("files", "one.wav")] == [second.id, first.id]


def test_bytes_that_were_replaced_stay_where_another_item_has_them(assay: Assay) -> None:
    first, _ = send(assay, waves.wav())
    send(assay, waves.wav(), "two.wav")
    send(assay, waves.wav(3))
    assert assay.artifacts.confirmed(first.digest).read_bytes() == waves.wav()


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (b"", AudioRejected, "empty"),
        (waves.wav(0.5), AudioRejected, "too_short"),
        (b"<!doctype html>" * 100, AudioUnsupported, ""),
        (waves.wav(601, 4_000), AudioTooLong, ""),
    ],
    ids=["empty", "short", "page", "long"],
)
def test_what_is_refused_leaves_nothing(body: bytes, kind: type[AssayError], code: str, tmp_path: Path) -> None:
    assay = Assay.at(heard.write(tmp_path / "app"), home=tmp_path / "home")
    with pytest.raises(kind) as refused:
        send(assay, body)
    assert getattr(refused.value, "kind", "") == code
    assert kept_files(assay) == []
    assert assay.items.counts() == {}
    assay.close()


def test_what_was_there_stays_when_its_successor_is_refused(assay: Assay) -> None:
    first, _ = send(assay, waves.wav())
    with pytest.raises(AudioRejected):
        send(assay, b"RIFF")
    assert assay.items.find("files", "one.wav") == first
    assert assay.artifacts.confirmed(first.digest)


def test_a_body_that_is_too_long_is_refused_as_it_comes(assay: Assay) -> None:
    with pytest.raises(BodyTooLarge):
        Intake(assay).begin(2 << 20)
    with pytest.raises(BodyTooLarge):
        send(assay, bytes(1 << 20 | 1))
    assert kept_files(assay) == []


def test_a_collection_and_a_name_are_checked_first(assay: Assay) -> None:
    intake = Intake(assay)
    assert intake.collection("files", "one.wav").name == "files"
    with pytest.raises(CollectionNotFound, match="'other'"):
        intake.collection("other", "one.wav")
    with pytest.raises(ItemRejected) as refused:
        intake.collection("files", "../one.wav")
    assert refused.value.kind == "invalid_name"


def test_bytes_that_were_lost_are_kept_anew_when_they_are_sent_again(assay: Assay) -> None:
    item, _ = send(assay, waves.wav())
    assay.artifacts.path(item.digest).unlink()
    with pytest.raises(ArtifactRejected):
        assay.artifacts.confirmed(item.digest)
    assert send(assay, waves.wav()) == (item, False)
    assert assay.artifacts.confirmed(item.digest).read_bytes() == waves.wav()


def test_a_store_that_is_away_keeps_nothing(assay: Assay) -> None:
    assert isinstance(assay.database, Sqlite)
    intake = Intake(assay)
    collection = intake.collection("files", "one.wav")
    draft = intake.begin(0)
    draft.write(waves.wav())
    hidden = assay.database.path.rename(assay.home / "hidden")
    with pytest.raises(StoreUnavailable):
        intake.finish(draft, collection, "one.wav", "a test")
    draft.discard()
    hidden.rename(assay.database.path)
    assert kept_files(assay) == []
