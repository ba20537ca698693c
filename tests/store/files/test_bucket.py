"""Files that several hosts share in a real object store: what one has put every other gets, checked, or is told that it cannot."""

from __future__ import annotations

import sys
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from assay.errors import ArtifactRejected, StoreUnavailable
from assay.store.files.artifacts import Artifacts, artifacts_at
from assay.store.files.bucket import Bucket
from tests.sources import s3

pytestmark = [pytest.mark.xdist_group("server"), pytest.mark.timeout(120)]
LONG = bytes(range(256)) * 80_000  # longer than one part of what is read at a time


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.Store]:
    """One store for all tests of this module."""
    if s3.MISSING:
        pytest.skip(s3.SKIPPED)
    pytest.importorskip("obstore", reason="needs the optional package obstore")
    with s3.running(tmp_path_factory.mktemp("s3")) as store:
        yield store


@pytest.fixture
def store(server: s3.Store, monkeypatch: pytest.MonkeyPatch) -> s3.Store:
    """The store, whose keys this process's environment tells."""
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    return server


@pytest.fixture
def address(store: s3.Store, request: pytest.FixtureRequest) -> str:
    """A folder of an empty bucket of the test's own."""
    import obstore
    from obstore.store import S3Store

    name = f"b{sha256(request.node.name.encode()).hexdigest()[:20]}"
    made = urllib.request.Request(obstore.sign(S3Store(name), "PUT", "", timedelta(minutes=1)), method="PUT")
    with urllib.request.urlopen(made) as answer:
        assert answer.status == 200
    return f"s3://{name}/files"


@pytest.fixture
def bucket(address: str) -> Bucket:
    return Bucket(address)


@pytest.fixture
def hosts(address: str, tmp_path: Path) -> tuple[Artifacts, Artifacts]:
    """Two hosts with homes of their own and the bucket between them."""
    return artifacts_at(address, tmp_path / "one"), artifacts_at(address, tmp_path / "two")


# ---- the bucket


@pytest.mark.parametrize("data", [b"", b"x", LONG], ids=["nothing", "a byte", "many megabytes"])
def test_what_is_put_is_fetched_as_it_was(bucket: Bucket, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file").write_bytes(data)
    assert not bucket.has("name")
    bucket.put("name", tmp_path / "file")
    assert bucket.has("name")
    assert bucket.fetch("name", tmp_path / "fetched")
    assert (tmp_path / "fetched").read_bytes() == data


def test_what_is_not_there_is_not_fetched_and_may_be_dropped(bucket: Bucket, tmp_path: Path) -> None:
    assert not bucket.fetch("name", tmp_path / "fetched")
    assert not (tmp_path / "fetched").exists()
    bucket.drop("name")
    (tmp_path / "file").write_bytes(b"x")
    bucket.put("name", tmp_path / "file")
    bucket.drop("name")
    assert not bucket.has("name")


def test_all_names_are_told_and_none_of_other_folders(address: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x")
    mine, other = Bucket(address), Bucket(address + "-of-others/")
    assert list(mine.names()) == []
    for number in range(12):
        mine.put(f"{number}", file)
        other.put(f"other {number}", file)
    assert sorted(mine.names(), key=int) == [str(number) for number in range(12)]


@pytest.mark.parametrize("wrong", ["key", "endpoint"])
def test_what_the_store_refuses_is_said_without_keys_and_addresses(
    store: s3.Store, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    told = store.environment(secret="another-secret") if wrong == "key" else {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    for name, value in (told | ({"AWS_ENDPOINT": "http://127.0.0.1:1"} if wrong == "endpoint" else {})).items():
        monkeypatch.setenv(name, value)
    bucket = Bucket(address)
    (tmp_path / "file").write_bytes(b"x")
    for ask in (
        lambda: bucket.has("name"), lambda: bucket.put("name", tmp_path / "file"), lambda: list(bucket.names()),
        lambda: bucket.fetch("name", tmp_path / "fetched"), lambda: bucket.drop("name"),
    ):  # fmt: skip
        with pytest.raises(StoreUnavailable, match="bucket could not be used") as refused:
            ask()
        for secret in ("another-secret", s3.USER, "127.0.0.1"):
            assert secret not in str(refused.value)


@pytest.mark.parametrize(
    "place", ["s3://", "ftp://b/x", "file:///x", "http://b/x", "s3://k:s@b/x", "s3://b/x?k=s", "b/x"]
)
def test_an_address_that_is_no_buckets_is_refused(place: str) -> None:
    with pytest.raises(StoreUnavailable, match="s3://BUCKET/FOLDER"):
        Bucket(place)


def test_without_the_optional_part_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(StoreUnavailable, match=r"assay\[objectstore\]"):
        Bucket("s3://bucket/x")


# ---- the hosts


@pytest.mark.parametrize("data", [b"", LONG], ids=["nothing", "many megabytes"])
def test_what_one_host_puts_every_other_gets(hosts: tuple[Artifacts, Artifacts], data: bytes) -> None:
    one, two = hosts
    name = one.put(data)
    assert two.get(name) == data
    assert two.confirmed(name).read_bytes() == data
    assert list(two.names()) == list(one.names()) == [name]


def test_what_one_host_takes_every_other_gets(hosts: tuple[Artifacts, Artifacts], tmp_path: Path) -> None:
    one, two = hosts
    (tmp_path / "given").write_bytes(b"rows")
    name = sha256(b"rows").hexdigest()
    one.take(tmp_path / "given", name)
    assert two.get(name) == b"rows"


def test_what_was_fetched_once_is_read_on_this_host_from_then_on(
    hosts: tuple[Artifacts, Artifacts], bucket: Bucket
) -> None:
    one, two = hosts
    name = one.put(b"x")
    two.get(name)
    bucket.drop(name)
    assert two.get(name) == b"x"


def test_a_copy_that_was_damaged_is_fetched_again(hosts: tuple[Artifacts, Artifacts]) -> None:
    one, two = hosts
    name = one.put(b"rows")
    for damaged in (b"r0ws", b"", b"rows and more"):
        two.path(name).parent.mkdir(exist_ok=True)
        two.path(name).write_bytes(damaged)
        assert two.get(name) == b"rows"
        assert two.path(name).read_bytes() == b"rows"


def test_what_no_host_has_put_is_missing(hosts: tuple[Artifacts, Artifacts]) -> None:
    for host in hosts:
        with pytest.raises(ArtifactRejected, match="missing"):
            host.get("0" * 64)
        assert not host.path("0" * 64).exists()


def test_what_is_damaged_in_the_bucket_is_refused_until_it_is_put_again(
    hosts: tuple[Artifacts, Artifacts], bucket: Bucket, tmp_path: Path
) -> None:
    one, two = hosts
    name = sha256(b"rows").hexdigest()
    (tmp_path / "damaged").write_bytes(b"r0ws")
    bucket.put(name, tmp_path / "damaged")
    with pytest.raises(ArtifactRejected, match="damaged"):
        two.get(name)
    bucket.drop(name)
    one.put(b"rows")
    assert two.get(name) == b"rows"


def test_what_one_host_drops_no_other_gets_that_has_not_got_it(hosts: tuple[Artifacts, Artifacts]) -> None:
    one, two = hosts
    name = one.put(b"x")
    one.drop(name)
    one.drop(name)
    assert list(two.names()) == []
    with pytest.raises(ArtifactRejected, match="missing"):
        two.get(name)


def test_only_names_of_files_are_told(hosts: tuple[Artifacts, Artifacts], bucket: Bucket, tmp_path: Path) -> None:
    name = hosts[0].put(b"x")
    (tmp_path / "file").write_bytes(b"not ours")
    bucket.put("README", tmp_path / "file")
    bucket.put("more/README", tmp_path / "file")
    assert list(hosts[1].names()) == [name]


def test_what_could_not_be_shared_is_not_said_to_be_kept_and_can_be_put_again(
    hosts: tuple[Artifacts, Artifacts], address: str, store: s3.Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in store.environment(secret="wrong").items():
        monkeypatch.setenv(name, value)
    unknown = artifacts_at(address, tmp_path / "one")  # the home of the first host
    with pytest.raises(StoreUnavailable):
        unknown.put(b"x")
    one, two = hosts
    assert two.get(one.put(b"x")) == b"x"
