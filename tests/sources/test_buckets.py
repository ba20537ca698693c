"""Rows come out of a real object store, and whatever it refuses is said without the keys."""

from __future__ import annotations

import sys
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from assay.errors import DataInvalid
from assay.sources import buckets
from assay.sources.looks import fingerprint
from assay.sources.parts import read_parts
from tests.sources import s3

pytestmark = [pytest.mark.xdist_group("server"), pytest.mark.timeout(120)]
ROWS = pl.DataFrame({"carat": [0.5, 1.0], "cut": ["Ideal", "Fair"], "price": [1500, 4000]})


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
def bucket(store: s3.Store, request: pytest.FixtureRequest) -> str:
    """An empty bucket of the test's own."""
    import obstore
    from obstore.store import S3Store

    name = f"b{abs(hash(request.node.name))}"
    made = urllib.request.Request(obstore.sign(S3Store(name), "PUT", "", timedelta(minutes=1)), method="PUT")
    with urllib.request.urlopen(made) as answer:
        assert answer.status == 200
    return name


def put(bucket: str, path: str, data: bytes) -> None:
    """Keeps an object."""
    import obstore
    from obstore.store import S3Store

    obstore.put(S3Store(bucket), path, data)


def files(tmp_path: Path) -> tuple[bytes, bytes]:
    """The rows as CSV and as Parquet."""
    ROWS.write_parquet(tmp_path / "rows.parquet")
    return ROWS.write_csv().encode(), (tmp_path / "rows.parquet").read_bytes()


def test_a_prefix_gives_its_objects_in_parts_sorted_by_name(bucket: str, tmp_path: Path) -> None:
    csv, parquet = files(tmp_path)
    put(bucket, "stones/2026/b.parquet", parquet)
    put(bucket, "stones/2026/a.csv", csv)
    put(bucket, "stones/.hidden.csv", csv)
    put(bucket, "stones/notes.txt", b"not rows")
    put(bucket, "other/c.csv", csv)
    parts = read_parts(f"s3://{bucket}/stones")
    assert [part.name for part in parts] == ["2026/a.csv", "2026/b.parquet"]
    assert all(part.rows.equals(ROWS) for part in parts)


def test_one_object_may_be_named(bucket: str, tmp_path: Path) -> None:
    put(bucket, "stones/a.csv", files(tmp_path)[0])
    assert read_parts(f"s3://{bucket}/stones/a.csv")[0].rows.equals(ROWS)


def test_a_look_notices_an_object_that_appears_changes_or_goes(bucket: str, tmp_path: Path) -> None:
    import obstore
    from obstore.store import S3Store

    place, csv = f"s3://{bucket}/stones", files(tmp_path)[0]
    looks = [fingerprint(place)]
    for path, data in (("a.csv", csv), ("b.csv", csv), ("b.csv", csv.replace(b"0.5", b"0.6")), ("notes.txt", b"x")):
        put(bucket, f"stones/{path}", data)
        looks.append(fingerprint(place))
    obstore.delete(S3Store(bucket), "stones/b.csv")
    looks.append(fingerprint(place))
    assert looks[0] is None
    assert looks[4] == looks[3]  # not a file with rows
    assert len(set(looks)) == 5 - 1  # nothing, one, two, the second changed; then one as before
    assert looks[5] == looks[1]


def test_a_bad_object_among_good_ones_is_a_part_that_says_so(bucket: str, tmp_path: Path) -> None:
    put(bucket, "a.csv", files(tmp_path)[0])
    put(bucket, "b.csv", b"%PDF-1.7 not rows")
    good, bad = read_parts(f"s3://{bucket}")
    assert good.rows.equals(ROWS)
    assert bad.refused == "b.csv: the file cannot be read as .csv: its content is that of a PDF file."


def test_an_object_that_is_too_long_is_not_fetched(bucket: str, tmp_path: Path) -> None:
    put(bucket, "a.csv", files(tmp_path)[0])
    with pytest.raises(DataInvalid, match="at most 10 are read"):
        read_parts(f"s3://{bucket}", limit_bytes=10)
    with pytest.raises(DataInvalid, match="longer than 10 bytes"):
        buckets.fetch(f"s3://{bucket}", "a.csv", tmp_path / "target", 10)


def test_wrong_keys_are_refused_and_not_told(bucket: str, store: s3.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in store.environment("another-secret").items():
        monkeypatch.setenv(name, value)
    for look in (read_parts, fingerprint):
        with pytest.raises(DataInvalid, match="the store refuses the keys") as refusal:
            look(f"s3://{bucket}/stones")
        assert "another-secret" not in str(refusal.value)
        assert s3.USER not in str(refusal.value)
        assert refusal.value.__cause__ is None


def test_a_bucket_or_an_object_that_is_not_there_is_said_so(bucket: str) -> None:
    with pytest.raises(DataInvalid, match="there is no such bucket"):
        read_parts("s3://nowhere-at-all/stones")
    with pytest.raises(DataInvalid, match="there is no such bucket or object"):
        read_parts(f"s3://{bucket}/none.csv")
    with pytest.raises(DataInvalid, match="there is no object with rows"):
        read_parts(f"s3://{bucket}/stones")


def test_nobody_at_the_endpoint_is_said_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("obstore", reason="needs the optional package obstore")
    for name, value in s3.Store("http://127.0.0.1:1").environment().items():
        monkeypatch.setenv(name, value)
    with pytest.raises(DataInvalid, match="the store cannot be read"):
        buckets.listed("s3://stones/2026")


@pytest.mark.parametrize(
    "place", ["s3://key:secret-word@stones/2026", "s3://stones/2026?secret=secret-word", "s3:///2026"]
)
def test_an_address_with_keys_or_without_a_bucket_is_refused(place: str) -> None:
    pytest.importorskip("obstore", reason="needs the optional package obstore")
    with pytest.raises(DataInvalid, match="address") as refusal:
        buckets.listed(place)
    assert "secret-word" not in str(refusal.value)


def test_without_the_optional_package_the_refusal_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(DataInvalid, match=r"install assay\[objectstore\]"):
        buckets.listed("s3://stones/2026")
