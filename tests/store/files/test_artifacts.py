"""Files are named by their content, complete or absent, and checked each time that they are read."""

from __future__ import annotations

import os
import threading
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.errors import ArtifactRejected
from assay.store.files.artifacts import Artifacts


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts(tmp_path / "artifacts")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=2000))
def test_what_is_kept_is_read_back_equal_under_its_hash(artifacts: Artifacts, data: bytes) -> None:
    name = artifacts.put(data)
    assert name == sha256(data).hexdigest()
    assert artifacts.get(name) == data


def test_the_same_bytes_twice_are_one_file(artifacts: Artifacts) -> None:
    name = artifacts.put(b"x")
    before = artifacts.path(name).stat()
    assert artifacts.put(b"x") == name
    assert artifacts.path(name).stat() == before


def test_only_the_owner_may_read_them(artifacts: Artifacts) -> None:
    kept = artifacts.path(artifacts.put(b"x"))
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "change", [lambda data: data[:-1], lambda data: data + b"!", lambda data: b"y" + data[1:], lambda _: b""]
)
def test_a_damaged_file_is_refused(artifacts: Artifacts, change: object) -> None:
    name = artifacts.put(b"some data")
    artifacts.path(name).write_bytes(change(b"some data"))  # type: ignore[operator]  # one of the lambdas above
    with pytest.raises(ArtifactRejected, match="damaged"):
        artifacts.get(name)


def test_an_unchecked_folder_would_not_notice(tmp_path: Path) -> None:
    unchecked = Artifacts(tmp_path, check=False)
    name = unchecked.put(b"x")
    unchecked.path(name).write_bytes(b"y")
    assert unchecked.get(name) == b"y"


def test_a_missing_file_is_refused(artifacts: Artifacts) -> None:
    with pytest.raises(ArtifactRejected, match="missing"):
        artifacts.get("0" * 64)


@pytest.mark.parametrize("name", ["", "0" * 63, "../" * 21 + "x", "A" * 64, "/" * 64, "é" * 64])
def test_no_name_but_a_hash_leads_to_a_file(artifacts: Artifacts, name: str) -> None:
    with pytest.raises(ArtifactRejected, match="sha256"):
        artifacts.path(name)


def test_writers_at_the_same_time_do_not_disturb_each_other(artifacts: Artifacts) -> None:
    contents = [b"%d" % (i % 20) * 10_000 for i in range(100)]
    threads = [threading.Thread(target=artifacts.put, args=(data,)) for data in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for data in set(contents):
        assert artifacts.get(sha256(data).hexdigest()) == data
    assert artifacts.sweep() == 0


def test_drafts_of_dead_writers_are_swept_and_those_of_living_ones_left(artifacts: Artifacts) -> None:
    kept = artifacts.path(artifacts.put(b"x"))
    dead, living = kept.with_name(".dead.tmp"), kept.with_name(".living.tmp")
    for draft in (dead, living):
        draft.write_bytes(b"half")
    os.utime(dead, (0, 0))
    assert artifacts.sweep() == 1
    assert not dead.exists()
    assert living.exists()
    assert kept.exists()


def test_a_file_that_is_there_already_is_adopted(artifacts: Artifacts, tmp_path: Path) -> None:
    for _ in range(2):  # again is the same
        file = tmp_path / "given"
        file.write_bytes(b"rows")
        artifacts.take(file, sha256(b"rows").hexdigest())
        assert not file.exists()
    assert artifacts.get(sha256(b"rows").hexdigest()) == b"rows"


def test_a_file_that_nothing_names_can_be_dropped(artifacts: Artifacts) -> None:
    name = artifacts.put(b"x")
    artifacts.drop(name)
    artifacts.drop(name)
    assert not artifacts.path(name).exists()


def test_a_file_that_is_read_in_place_is_confirmed_first(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path)
    name = artifacts.put(b"rows")
    assert artifacts.confirmed(name).read_bytes() == b"rows"
    artifacts.path(name).write_bytes(b"r0ws")
    with pytest.raises(ArtifactRejected, match="damaged"):
        artifacts.confirmed(name)
    artifacts.path(name).unlink()
    with pytest.raises(ArtifactRejected, match="missing"):
        artifacts.confirmed(name)
