"""A folder or bucket of recordings is seen as it is, and with its table becomes rows to learn from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assay.domain.items.item import Sound
from assay.errors import ApplicationInvalid, DataInvalid
from assay.sources.audio.sounds import Sounds
from assay.sources.recordings import MOST_FILES, check_count, fetch, fingerprint, read_recordings, recordings_at
from tests.sources import s3
from tests.waves import made, tone, wav

pytestmark = [pytest.mark.xdist_group("server"), pytest.mark.timeout(120)]
HEADER = "file,utterance,start_s,end_s\n"


@pytest.fixture(scope="module")
def sounds() -> Iterator[Sounds]:
    """What examines recordings."""
    made = Sounds(Path)
    yield made
    made.close()


def keep(file: Path) -> str:
    """What an artifact of these bytes is named."""
    return sha256(file.read_bytes()).hexdigest()


def digest(data: bytes) -> str:
    """The sha256 of bytes."""
    return sha256(data).hexdigest()


def rows(place: Path | str, sounds: Sounds, **told: Any) -> pl.DataFrame:
    """The rows that a place makes."""
    return read_recordings(str(place), audio="sound", target="said", examine=sounds.examine, keep=keep, **told)


def filled(folder: Path, files: dict[str, bytes], table: str | None = HEADER) -> Path:
    """A folder with these files, and a table."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    if table is not None:
        (folder / "utterances.csv").write_text(table)
    return folder


# ---- what is there


def test_recordings_are_found_below_the_folder_by_their_endings(tmp_path: Path) -> None:
    names = ["b.wav", "a.FLAC", "sub/deep er/c.mp3", "d.ogg", "e.opus", 'quo"te\n<script>.wav', "ünïcode-ש.wav"]
    others = [".hidden.wav", "x.wav.part", "y.wav.tmp", "notes.txt", ".sub/z.wav", "sub/.git/z.wav", "wav"]
    filled(tmp_path, dict.fromkeys([*names, *others], b"x"))
    found = recordings_at(str(tmp_path))
    assert [one.path for one in found] == sorted(names)
    assert {one.size for one in found} == {1}


def test_links_out_of_the_folder_and_things_that_are_no_files_are_passed_over(tmp_path: Path) -> None:
    inside = filled(tmp_path / "in", {"a.wav": b"x", "sub/b.wav": b"x"}, None)
    outside = filled(tmp_path / "out", {"secret.wav": b"secret"}, None)
    (inside / "link.wav").symlink_to(outside / "secret.wav")
    (inside / "links").symlink_to(outside)
    (inside / "loop").symlink_to(inside)
    (inside / "nowhere.wav").symlink_to(tmp_path / "none")
    (inside / "own.wav").symlink_to(inside / "a.wav")
    os.mkfifo(inside / "pipe.wav")
    (inside / "folder.wav").mkdir()
    (inside / os.fsdecode(b"caf\xe9.wav")).write_bytes(b"x")  # a name that no table can hold
    assert [one.path for one in recordings_at(str(inside))] == ["a.wav", "own.wav", "sub/b.wav"]
    for path in (
        "link.wav",
        "links/secret.wav",
        "../out/secret.wav",
        str(outside / "secret.wav"),
        "pipe.wav",
        "sub",
        "none",
    ):
        with pytest.raises(DataInvalid):
            fetch(str(inside), path, tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_a_tag_changes_with_the_content_and_only_then(tmp_path: Path) -> None:
    place = str(filled(tmp_path, {"a.wav": b"x", "b.wav": b"y"}))
    before, print_before = recordings_at(place), fingerprint(place)
    assert recordings_at(place) == before
    (tmp_path / "c.wav.part").write_bytes(b"half")
    assert fingerprint(place) == print_before
    (tmp_path / ".b").write_bytes(b"z")
    os.utime(tmp_path / ".b", ns=(1, (tmp_path / "b.wav").stat().st_mtime_ns))
    (tmp_path / ".b").replace(tmp_path / "b.wav")  # other bytes, of the same length and time
    after = recordings_at(place)
    assert after[0] == before[0]
    assert after[1].tag != before[1].tag
    prints = {print_before, fingerprint(place)}
    (tmp_path / "utterances.csv").write_text(HEADER + "a.wav,x,0,1\n")
    prints.add(fingerprint(place))
    assert len(prints) == 3
    assert recordings_at(place) == after


def test_an_empty_folder_holds_nothing_and_no_folder_is_an_error(tmp_path: Path) -> None:
    assert (recordings_at(str(tmp_path)), fingerprint(str(tmp_path))) == ([], None)
    (tmp_path / "a.wav").touch()
    for place in (str(tmp_path / "none"), str(tmp_path / "a.wav"), "sqlite:///x.db", "http://169.254.169.254/x"):
        with pytest.raises(DataInvalid):
            recordings_at(place)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_cannot_be_read_is_not_one_that_is_empty(tmp_path: Path) -> None:
    filled(tmp_path, {"sub/a.wav": b"x"}).joinpath("sub").chmod(0)
    with pytest.raises(DataInvalid, match="cannot be read"):
        recordings_at(str(tmp_path))
    (tmp_path / "sub").chmod(0o700)


def test_so_many_files_are_looked_at() -> None:
    check_count(MOST_FILES, "x")
    with pytest.raises(DataInvalid, match="1,000,001 recordings"):
        check_count(MOST_FILES + 1, "x")


def test_a_file_is_fetched_up_to_a_limit(tmp_path: Path) -> None:
    place = str(filled(tmp_path, {"sub/a.wav": b"0123456789"}))
    fetch(place, "sub/a.wav", tmp_path / "target", 10)
    assert (tmp_path / "target").read_bytes() == b"0123456789"
    with pytest.raises(DataInvalid, match="longer than 9 bytes"):
        fetch(place, "sub/a.wav", tmp_path / "target", 9)


# ---- rows


def test_each_recording_is_a_row_with_what_is_said_in_it(tmp_path: Path, sounds: Sounds) -> None:
    files = {
        "a.wav": wav(3),
        "sub/b.flac": made(tone(2), format="FLAC"),
        "c.mp3": made(tone(2, 16_000), 16_000, format="MP3"),
    }
    table = HEADER + "sub/b.flac,\"Ünï, 'x'\",1.25,1.5\na.wav,two,2,2.5\na.wav,one,0.42,0.93\n"
    found = rows(filled(tmp_path, files, table), sounds)
    assert found.schema == {"sound": pl.String, "said": pl.String}
    assert found["sound"].to_list() == [digest(files[name]) for name in ("a.wav", "c.mp3", "sub/b.flac")]
    assert [json.loads(one) for one in found["said"]] == [
        [["one", 0.42, 0.93], ["two", 2.0, 2.5]], [], [["Ünï, 'x'", 1.25, 1.5]],
    ]  # fmt: skip
    assert sorted(one.name for one in tmp_path.rglob("*") if one.is_file()) == [
        "a.wav",
        "b.flac",
        "c.mp3",
        "utterances.csv",
    ]


def test_real_speech_becomes_rows(shared: Path, sounds: Sounds) -> None:
    found = rows(shared / "data" / "digits", sounds)
    said = [one for line in found["said"] for one in json.loads(line)]
    assert found.height == found["sound"].n_unique() == 48
    assert len(said) == len((shared / "data" / "digits" / "utterances.csv").read_text().splitlines()) - 1
    assert {words for words, _, _ in said} == set("zero one two three four five six seven eight nine".split())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("b.wav,x,0,1", "line 2: file 'b.wav' is no recording"),
        ("a.wav,x,1,0.5", "line 2: start_s is 1, which must be before"),
        ("a.wav,x,1,2.02", r"line 2: end_s is 2\.02, and 'a\.wav' ends at 2\.000"),
        ("a.wav,x,one,2", "line 2: start_s must be a number"),
        ("a.wav,x,0,1\na.wav,x,0,1", "line 3: says what line 2 says already"),
    ],
)
def test_a_fault_of_the_table_is_named(line: str, said: str, tmp_path: Path, sounds: Sounds) -> None:
    with pytest.raises(DataInvalid, match=said):
        rows(filled(tmp_path, {"a.wav": wav(2)}, f"{HEADER}{line}\n"), sounds)


def test_the_same_recording_twice_is_one_row(tmp_path: Path, sounds: Sounds) -> None:
    files = {"a.wav": wav(2), "b.wav": wav(2)}
    both = f"{HEADER}a.wav,x,0,1\nb.wav,x,0,1\n"
    assert rows(filled(tmp_path, files, both), sounds).rows() == [(digest(wav(2)), '[["x",0.0,1.0]]')]
    with pytest.raises(DataInvalid, match=r"'a\.wav' and 'b\.wav' are the same recording"):
        rows(filled(tmp_path, {}, f"{HEADER}a.wav,x,0,1\n"), sounds)


def test_a_recording_that_cannot_be_heard_is_refused_or_told(tmp_path: Path, sounds: Sounds) -> None:
    filled(tmp_path, {"a.wav": wav(2), "b.wav": b"%PDF-1.7", "c.wav": wav(0.5)}, f"{HEADER}a.wav,x,0,1\n")
    with pytest.raises(DataInvalid, match=r"b\.wav: The file is PDF"):
        rows(tmp_path, sounds)
    told: dict[str, str] = {}
    assert rows(tmp_path, sounds, left_out=told.__setitem__).height == 1
    assert list(told) == ["b.wav", "c.wav"]
    assert "a whole second is needed" in told["c.wav"]
    filled(tmp_path, {}, f"{HEADER}c.wav,x,0,0.4\n")
    with pytest.raises(DataInvalid, match=r"c\.wav: The recording sounds for"):
        rows(tmp_path, sounds, left_out=told.__setitem__)


def test_a_process_that_cannot_hear_at_all_is_no_fault_of_the_recordings(tmp_path: Path) -> None:
    def examine(file: Path) -> Sound:
        raise ApplicationInvalid("install assay[audio]")

    filled(tmp_path, {"a.wav": wav(2)})
    with pytest.raises(ApplicationInvalid):
        read_recordings(str(tmp_path), audio="a", target="b", examine=examine, keep=keep, left_out=lambda *_: None)


def test_a_place_without_recordings_or_table_makes_no_rows(tmp_path: Path, sounds: Sounds) -> None:
    with pytest.raises(DataInvalid, match="no recording"):
        rows(filled(tmp_path, {}), sounds)
    (tmp_path / "utterances.csv").unlink()
    with pytest.raises(DataInvalid, match=r"there is no utterances\.csv \(file,utterance"):
        rows(filled(tmp_path, {"a.wav": wav(1)}, None), sounds)


def test_looking_brings_no_library_of_frames() -> None:
    program = "import sys; import assay.sources.recordings; print(*{name.split('.')[0] for name in sys.modules})"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"polars", "numpy", "obstore", "soundfile"} & set(ran.stdout.split())


# ---- buckets


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.Store]:
    """A real object store."""
    if s3.MISSING:
        pytest.skip(s3.SKIPPED)
    pytest.importorskip("obstore", reason="needs the optional package obstore")
    with s3.running(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture
def bucket(store: s3.Store, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty bucket, whose keys the environment tells."""
    import obstore
    from obstore.store import S3Store

    for name, value in store.environment().items():
        monkeypatch.setenv(name, value)
    asked = urllib.request.Request(obstore.sign(S3Store("sounds"), "PUT", "", timedelta(minutes=1)), method="PUT")
    with urllib.request.urlopen(asked) as answer:
        assert answer.status == 200
    return "sounds"


def test_a_bucket_is_a_place_like_a_folder(bucket: str, tmp_path: Path, sounds: Sounds) -> None:
    import obstore
    from obstore.store import S3Store

    place, inside = f"s3://{bucket}/calls", S3Store(bucket)
    for name, data in (
        ("a.wav", wav(2)), ("sub/b.flac", made(tone(1), format="FLAC")), ("sub/.hidden/c.wav", b"x"), ("d.wav.part", b"x"),
        ("utterances.csv", f"{HEADER}sub/b.flac,one,0,0.5\n".encode()), ("notes.txt", b"x"),
    ):  # fmt: skip
        obstore.put(inside, f"calls/{name}", data)
    before, print_before = recordings_at(place), fingerprint(place)
    assert [one.path for one in before] == ["a.wav", "sub/b.flac"]
    found = rows(place, sounds)
    assert found["sound"].to_list() == [digest(wav(2)), digest(made(tone(1), format="FLAC"))]
    assert found["said"].to_list() == ["[]", '[["one",0.0,0.5]]']
    fetch(place, "a.wav", tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == wav(2)
    obstore.put(inside, "calls/a.wav", wav(3)[: len(wav(2))])
    after = recordings_at(place)
    assert (after[0].size, after[1]) == (before[0].size, before[1])
    assert after[0].tag != before[0].tag
    assert fingerprint(place) != print_before
