"""P29: what is heard of recordings, and what is read of the places that hold them, is counted."""

from __future__ import annotations

import os
import struct
import sys
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from inspect import signature
from pathlib import Path

import pytest

from assay.domain.question.field import Audio, Field
from assay.errors import AssayError, AudioTooLong, DataInvalid
from assay.sources.audio import utterances
from assay.sources.audio.sounds import Sounds, check_size
from assay.sources.recordings import check_bytes, check_count, fetch
from tests.promises.limits import limit, tries
from tests.waves import chunk, riff, shape, wav

HEADER = "file,utterance,start_s,end_s\n"


class Heard:
    """What hears files that a test writes."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.asked = 0
        self.sounds = Sounds(self.locate)

    def put(self, data: bytes) -> str:
        """Keeps a file."""
        name = sha256(data).hexdigest()
        (self.place / name).write_bytes(data)
        return name

    def locate(self, name: str) -> Path:
        """Where it is."""
        self.asked += 1
        return self.place / name

    def word(self, data: bytes) -> str:
        """The word of the refusal; nothing where the file is heard."""
        try:
            self.sounds.examine(self.locate(self.put(data)))
        except AssayError as refused:
            return getattr(refused, "kind", "") or refused.code
        return ""


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[Heard]:
    """One that has heard nothing."""
    made = Heard(tmp_path)
    yield made
    made.sounds.close()


def of_shape(**told: int) -> bytes:
    """A second of a WAV with these words in its header."""
    form = shape(**told)  # type: ignore[arg-type]  # all of them are numbers
    _, channels, rate, _, align, _ = struct.unpack("<HHIIHH", form)
    return riff(chunk(b"fmt ", form), chunk(b"data", bytes(rate * align if channels < 100 else 0)))


def refused(ask: Callable[[], object]) -> bool:
    """Whether it is refused as invalid."""
    try:
        ask()
    except DataInvalid:
        return True
    return False


@tries("recording-rate", "recording-channels")
def test_samples_a_second_and_channels(heard: Heard) -> None:
    assert heard.word(of_shape(rate=limit("recording-rate"))) == ""
    assert heard.word(of_shape(rate=limit("recording-rate") + 1)) == "bad_sample_rate"
    assert heard.word(of_shape(channels=limit("recording-channels"))) == ""
    assert heard.word(of_shape(channels=limit("recording-channels") + 1)) == "bad_format"


@tries("recording-chunks")
def test_chunks_up_to_the_samples(heard: Heard) -> None:
    fmt, data = chunk(b"fmt ", shape()), chunk(b"data", bytes(16_000))
    for more, word in ((0, ""), (1, "too_many_chunks")):
        assert heard.word(riff(fmt, *[chunk(b"xxxx", b"")] * (limit("recording-chunks") - 2 + more), data)) == word


@tries("recording-claim")
def test_how_much_a_header_may_claim(heard: Heard) -> None:
    for more, word in ((0, ""), (2, "header_lies")):
        assert heard.word(wav(1, data_bytes=16_000 * limit("recording-claim") + more)) == word


@tries("recording-length")
def test_how_long_a_recording_may_sound(heard: Heard) -> None:
    second = bytes(8_000)
    form = chunk(b"fmt ", shape(bits=8, kind=7))
    whole = second * limit("recording-length")
    assert signature(Audio).parameters["longest_s"].default == limit("recording-length")
    assert heard.word(riff(form, chunk(b"data", whole))) == ""
    assert heard.word(riff(form, chunk(b"data", whole + b"\0"))) == "audio_too_long"


@tries("recording-windows")
def test_how_many_samples_the_windows_may_have() -> None:
    field: Field = Audio(rate=1 << 16, margin_s=0)
    most = limit("recording-windows") // field.samples
    check_size(most, field)
    with pytest.raises(AudioTooLong):
        check_size(most + 1, field)


@tries("decoder-memory", "decoder-files")
def test_memory_and_files_of_the_process_that_decodes(heard: Heard) -> None:
    if sys.platform != "linux":
        pytest.skip("looks into /proc")
    assert heard.word(wav(1)) == ""
    told = Path(f"/proc/{heard.sounds.pid}/limits").read_text().splitlines()
    limits = {line[:26].strip(): line[26:].split()[:2] for line in told}
    assert limits["Max address space"] == [str(limit("decoder-memory"))] * 2  # which the system holds it to
    assert limits["Max open files"] == [str(limit("decoder-files"))] * 2


@tries("decoded-ahead")
def test_recordings_that_wait_decoded(heard: Heard) -> None:
    names = [heard.put(wav(1 + one / 10)) for one in range(8)]
    taken = heard.sounds.ahead(names, Audio())
    next(taken)
    over = time.monotonic() + 20
    while heard.asked < 1 + limit("decoded-ahead") and time.monotonic() < over:
        time.sleep(0.01)
    time.sleep(0.2)
    assert heard.asked == 1 + limit("decoded-ahead")
    assert len([*taken]) == 7


@tries("recording-file")
def test_bytes_of_a_recording(tmp_path: Path) -> None:
    assert signature(fetch).parameters["limit_bytes"].default == limit("recording-file")
    check_bytes(limit("recording-file"), "a.wav")
    (tmp_path / "a.wav").touch()
    os.truncate(tmp_path / "a.wav", limit("recording-file") + 1)
    assert refused(lambda: fetch(str(tmp_path), "a.wav", tmp_path / "target"))
    assert not (tmp_path / "target").exists()


@tries("recordings")
def test_recordings_in_a_place() -> None:
    check_count(limit("recordings"), "x")
    assert refused(lambda: check_count(limit("recordings") + 1, "x"))


@tries("utterance-table", "utterance")
def test_the_table_and_its_words(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    for more in (0, 1):
        table.write_text(f"{HEADER}a.wav,{'x' * (limit('utterance') + more)},0,1\n")
        assert refused(lambda: utterances.read(table, "t", {"a.wav"})) == bool(more)
        table.write_text(HEADER)
        os.truncate(table, limit("utterance-table") + more)  # after the first line nothing but NUL
        with pytest.raises(DataInvalid) as wrong:
            utterances.read(table, "t", {"a.wav"})
        assert ("more than 67,108,864 bytes" in str(wrong.value)) == bool(more)
