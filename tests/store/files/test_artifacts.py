"""Files are named by their content, complete or absent, and checked each time that they are read."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.errors import ArtifactRejected, StoreUnavailable
from assay.store.files.artifacts import Artifacts, artifacts_at


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


def test_whether_a_file_is_there_is_told_without_reading_it(artifacts: Artifacts) -> None:
    name = artifacts.put(b"a stone")
    artifacts.path(name).write_bytes(b"damaged")
    assert artifacts.has(name)
    artifacts.drop(name)
    assert not artifacts.has(name)


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


def test_what_was_damaged_is_whole_again_once_it_is_put_again(artifacts: Artifacts) -> None:
    name = artifacts.put(b"rows")
    artifacts.path(name).write_bytes(b"r0ws")
    assert artifacts.put(b"rows") == name
    assert artifacts.get(name) == b"rows"


def test_sweeping_while_others_write_and_sweep_fails_for_nobody(artifacts: Artifacts) -> None:
    failed: list[Exception] = []

    def work(seed: int) -> None:
        try:
            for turn in range(50):
                artifacts.put(b"%d %d" % (seed, turn))
                artifacts.sweep()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shall see it
            failed.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(list(artifacts.names())) == 300


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs a second file system at /dev/shm")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


def test_a_file_of_another_file_system_is_adopted_too(artifacts: Artifacts, elsewhere: Path) -> None:
    name = sha256(b"rows" * 10_000).hexdigest()
    for _ in range(2):
        file = elsewhere / "given"
        file.write_bytes(b"rows" * 10_000)
        artifacts.take(file, name)
        assert not file.exists()
        assert artifacts.get(name) == b"rows" * 10_000
    assert artifacts.path(name).stat().st_mode & 0o777 == 0o600
    assert list(artifacts.names()) == [name]
    assert [one.name for one in artifacts.path(name).parent.iterdir()] == [name]


def test_only_names_of_files_are_told(artifacts: Artifacts) -> None:
    names = {artifacts.put(data) for data in (b"a", b"b", b"c")}
    one = artifacts.path(next(iter(names)))
    (one.parent / "README").write_text("not ours")
    one.with_name(".draft.tmp").write_text("not yet")
    assert set(artifacts.names()) == names


def test_files_are_kept_in_the_home_unless_another_place_is_told(tmp_path: Path) -> None:
    home, shared = tmp_path / "home", tmp_path / "shared"
    own = artifacts_at(None, home)
    name = own.put(b"x")
    assert own.path(name).is_relative_to(home / "artifacts")
    hosts = [artifacts_at(str(shared), tmp_path / host) for host in ("one", "two")]
    assert hosts[1].get(hosts[0].put(b"y")) == b"y"
    assert all(host.path(name).is_relative_to(shared) for host in hosts)


@pytest.mark.parametrize("place", ["ftp://bucket/x", "s3://", "s3://key:secret@bucket/x", "s3://bucket/x?key=secret"])
def test_an_address_that_is_no_buckets_is_refused_without_being_repeated(tmp_path: Path, place: str) -> None:
    with pytest.raises(StoreUnavailable) as refused:
        artifacts_at(place, tmp_path)
    assert "secret" not in str(refused.value)
