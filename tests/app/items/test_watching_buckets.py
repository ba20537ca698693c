"""A bucket is watched as a folder is, and a table of labels in it is seen."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from assay.app import Assay
from assay.app.items.deleting import Deleting
from assay.app.items.watching import WatchedPlace
from assay.sources.audio.labelled import Labelled
from tests import heard, waves
from tests.app.items.test_watching import look, names
from tests.sources import s3


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.Store]:
    """One store for all tests of this module."""
    if s3.MISSING:
        pytest.skip(s3.SKIPPED)
    pytest.importorskip("obstore", reason="needs the optional package obstore")
    with s3.running(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture
def bucket(server: s3.Store, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty bucket, whose keys the environment tells."""
    import obstore
    from obstore.store import S3Store

    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    name = f"watched-{abs(hash(request.node.name)) % 10**8}"
    made = urllib.request.Request(obstore.sign(S3Store(name), "PUT", "", timedelta(minutes=1)), method="PUT")
    with urllib.request.urlopen(made) as answer:
        assert answer.status == 200
    return f"s3://{name}"


def put(bucket: str, name: str, body: bytes) -> None:
    import obstore
    from obstore.store import S3Store

    obstore.put(S3Store(bucket.removeprefix("s3://")), name, body)


@pytest.fixture
def assay(bucket: str, tmp_path: Path) -> Iterator[Assay]:
    made = Assay.at(heard.write(tmp_path / "app"), home=tmp_path / "home", data=f"{bucket}/sound")
    yield made
    made.close()


@pytest.mark.xdist_group("s3")
def test_objects_become_items_and_stay_deleted_until_they_change(assay: Assay, bucket: str) -> None:
    put(bucket, "sound/a/one.wav", waves.wav())
    put(bucket, "sound/page.wav", b"<!doctype html>")
    put(bucket, "other/two.wav", waves.wav())
    place = WatchedPlace(assay)
    look(place, 3)
    assert names(assay) == ["a/one.wav"]
    item = assay.items.find("files", "a/one.wav")
    assert assay.artifacts.confirmed(item.digest).read_bytes() == waves.wav()
    assert [one.name for one in assay.refusals.page("files")] == ["page.wav"]
    Deleting(assay).delete("files", "a/one.wav", "a test")
    put(bucket, "sound/a/one.wav", waves.wav())  # the same bytes once more
    look(place, 3)
    assert names(assay) == []
    put(bucket, "sound/a/one.wav", waves.wav(3))
    look(place, 3)
    assert names(assay) == ["a/one.wav"]


@pytest.mark.xdist_group("s3")
def test_a_table_in_a_bucket_is_seen(bucket: str) -> None:
    labelled, place = Labelled(), f"{bucket}/sound"

    def found() -> str | None:
        told = None
        for _ in range(2):
            labelled._next = 0
            told = labelled.look(place)
        return told

    put(bucket, "sound/one.wav", waves.wav())
    assert found() is None
    put(bucket, "sound/utterances.csv", b"file,utterance,start_s,end_s\none.wav,low,0.1,0.5\n")
    assert found() is not None
