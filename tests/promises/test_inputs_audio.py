"""Bad inputs, family A: recordings, as far as hearing them goes; each is a sound or a refusal by its rule, and nobody dies."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from assay.domain.items.item import Sound
from assay.domain.question.field import Audio, Field
from assay.errors import AssayError
from assay.sources.audio.sounds import Sounds
from tests.promises.conftest import Tally
from tests.waves import UNTOLD, Samples, chunk, made, riff, shape, tagged, tone, wav

HOUR: Field = Audio(rate=8_000, longest_s=3_600)
MINUTE_S = 60
MUTATED = {"pr": 500, "nightly": 20_000}
KINDS = frozenset(
    "empty bad_format bad_sample_rate header_lies too_short too_many_chunks bad_samples damaged audio_unsupported"
    " audio_too_long".split()
)
FMT, DATA = chunk(b"fmt ", shape()), chunk(b"data", bytes(32_000))
TONE = (tone(2) * 32_767).astype("<i2").tobytes()
SCRIPT = b'"><script>alert(document.domain)</script>'
NAMES = (
    '"><script>alert(1)<script>.wav', "quo'te\".wav", "new\nline.wav", "\u202egnp.wav", "ünï – 音.wav", "-rf.wav", "%00%2e%2e.wav",
    "x" * 251 + ".wav", "CON.wav", " .wav", "wav",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A recording, and what must come of it: the word of a refusal, or its seconds and notes."""

    id: str
    data: bytes
    refused: str = ""
    seconds: float = 0
    notes: tuple[str, ...] = ()


def fmt(case: str, refused: str, **told: Any) -> Case:
    """A WAV whose format chunk says something else."""
    return Case(case, riff(chunk(b"fmt ", shape(**told)), DATA), refused)


def floats(values: Samples) -> bytes:
    """A WAV of these floats."""
    return riff(chunk(b"fmt ", shape(bits=32, kind=3)), chunk(b"data", values.astype("<f4").tobytes()))


def with_one(value: float) -> bytes:
    """Two seconds with one strange sample."""
    values = tone(2)[:, 0]
    values[10_000] = value
    return floats(values)


def claiming(frames: int) -> bytes:
    """A FLAC of two seconds whose header claims this many frames."""
    data = bytearray(made(tone(2), format="FLAC"))
    data[21:26] = struct.pack(">Q", (data[21] & 0xF0) << 32 | frames)[3:]
    return bytes(data)


def adpcm() -> bytes:
    """IMA ADPCM whose blocks hold more samples than 31 bits count."""
    form = shape(bits=4, kind=0x11, align=0x8000, rest=struct.pack("<HH", 2, 0xFFF9))
    return riff(
        chunk(b"fmt ", form), chunk(b"fact", struct.pack("<I", UNTOLD)), chunk(b"data", bytes(70_000), 0x7FFFFFFF)
    )


def with_picture(data: bytes, size: int) -> bytes:
    """A FLAC with a picture of this size in its header, right after the block that tells of the sound."""
    head = struct.pack(">II9sI4s4II", 3, 9, b"image/png", 4, b"<b/>", 1, 1, 24, 0, size)
    held = head + (SCRIPT * (size // len(SCRIPT) + 1))[:size]
    return data[:42] + b"\x06" + len(held).to_bytes(3, "big") + held + data[42:]


CASES = [
    Case("A01 nothing", b"", "empty"),
    Case("A01 43 bytes", wav()[:43], "empty"),
    Case("A01 43 bytes of nothing", bytes(43), "audio_unsupported"),
    Case("A01 header only", riff(FMT, chunk(b"data", b"")), "empty"),
    Case("A01 no data chunk", riff(FMT), "empty"),
    Case("A02 cut in the format", wav()[:30], "bad_format"),
    Case("A02 cut in the data", wav(4)[: 44 + 32_001], seconds=2, notes=("truncated",)),
    Case("A02 cut to less than a second", wav(4)[: 44 + 10_000], "too_short"),
    Case("A02 left open", riff(FMT, chunk(b"data", TONE, UNTOLD), size=UNTOLD), seconds=2, notes=("streamed",)),
    Case("A03 claims 268,435 seconds", riff(FMT, chunk(b"data", bytes(800), 0xFFFFFFF0)), "header_lies"),
    Case("A03 claims eleven times as much", wav(2, data_bytes=32_000 * 11), "header_lies"),
    Case("A03 flac claims a hundred seconds", claiming(800_000), "header_lies"),
    fmt("A04 rate 0", "bad_sample_rate", rate=0),
    fmt("A04 rate 1", "bad_sample_rate", rate=1),
    fmt("A04 rate 3,999", "bad_sample_rate", rate=3_999),
    fmt("A04 rate 4,000", "", rate=4_000),
    fmt("A04 rate 384,001", "bad_sample_rate", rate=384_001),
    fmt("A04 rate 4,000,000,000", "bad_sample_rate", rate=4_000_000_000),
    fmt("A05 no channels", "bad_format", channels=0),
    fmt("A05 33 channels", "bad_format", channels=33),
    fmt("A05 255 channels", "bad_format", channels=255),
    fmt("A05 65,535 channels", "bad_format", channels=65_535),
    *(fmt(f"A05 {bits} bits", "bad_format", bits=bits) for bits in (0, 1, 12, 65, 65_535)),
    fmt("A05 frames of 3 bytes", "bad_format", align=3),
    fmt("A05 frames of 0 bytes", "bad_format", align=0),
    Case("A07 IMA ADPCM that overflows", adpcm(), "audio_unsupported"),
    Case("A07 IMA ADPCM", made(tone(), format="WAV", subtype="IMA_ADPCM"), "audio_unsupported"),
    Case("A07 GSM", made(tone(), format="WAV", subtype="GSM610"), "audio_unsupported"),
    Case("A08 a million chunks", riff(FMT, *[chunk(b"xxxx", b"")] * 1_000_000, DATA), "too_many_chunks"),
    Case("A08 a list of 500 MB", riff(FMT, chunk(b"LIST", b"INFO", 500 << 20), DATA), "header_lies"),
    Case("A08 an odd chunk", riff(chunk(b"odd ", b"xyz"), FMT, chunk(b"data", TONE)), seconds=2),
    Case("A08 a negative chunk", riff(FMT, chunk(b"LIST", b"INFO", -8), DATA), "header_lies"),
    Case("A08 RIFX", made(tone(2), format="WAV", subtype="PCM_16", endian="BIG"), seconds=2),
    Case("A08 RF64", made(tone(2), format="RF64", subtype="PCM_16"), seconds=2),
    Case("A08 W64", made(tone(2), format="W64"), "audio_unsupported"),
    Case("A10 claims a day", claiming(86_400 * 8_000), "audio_too_long"),
    Case("A10 claims all it can", claiming(2**36 - 1), "audio_too_long"),
    Case("A11 MP4", b"\0\0\0\x20ftypisom\0\0\2\0isomiso2mp41" + bytes(1_000), "audio_unsupported"),
    Case("A11 a playlist of a local file", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "audio_unsupported"),
    Case("A12 NaN", with_one(np.nan), "bad_samples"),
    Case("A12 infinite", with_one(np.inf), "bad_samples"),
    Case("A12 1e30", with_one(1e30), seconds=2, notes=("clipped",)),
    Case("A12 silence", wav(2).replace(TONE, bytes(32_000)), seconds=2, notes=("silent",)),
    Case("A12 clipping", made(np.sign(tone(2)), format="WAV"), seconds=2),
    Case("A13 a day", riff(FMT, chunk(b"data", b"")), "empty"),
    Case("A13 a millisecond", wav(0.001), "too_short"),
    Case("A13 a sample", wav(1 / 8_000), "too_short"),
    Case("A13 all but a second", wav(7_999 / 8_000), "too_short"),
    Case("A13 a second", wav(1), seconds=1),
    Case("A15 a script in a tag", tagged(made(tone(2, 16_000), 16_000, format="MP3"), SCRIPT * 100), seconds=2),
    Case("A15 ten megabytes in a tag", tagged(made(tone(2, 16_000), 16_000, format="MP3"), SCRIPT * 250_000), seconds=2),
    Case("A15 a picture of ten megabytes", with_picture(made(tone(2), format="FLAC"), 10_000_000), seconds=2),
    Case("A15 a list of scripts", riff(chunk(b"LIST", b"INFO" + SCRIPT), FMT, chunk(b"data", TONE)), seconds=2),
]  # fmt: skip
RENAMED = {
    "flac": (made(tone(2), format="FLAC"), "flac"),
    "ogg": (made(tone(2), format="OGG", subtype="VORBIS"), "ogg"),
    "opus": (made(tone(2), format="OGG", subtype="OPUS"), "ogg"),
    "mp3": (made(tone(2, 16_000), 16_000, format="MP3"), "mp3"),
    "wav": (wav(2), "wav"),
    "m4a": (b"\0\0\0\x20ftypM4A \0\0\0\0" + bytes(1_000), ""),
    "midi": (b"MThd\0\0\0\6\0\1\0\1\0\x60MTrk" + bytes(100), ""),
    "html": (b"<!doctype html><script>alert(1)</script>", ""),
}


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sounds]:
    """One for all, in a place of its own; its child is the same at the end."""
    place = tmp_path_factory.mktemp("kept")
    made = Sounds(lambda name: place / name)
    (place / "first").write_bytes(wav(2))
    made.examine(place / "first")
    child = made.pid
    yield made
    assert made.pid == child
    assert len(made.windows("first", HOUR)) == 2
    made.close()


def outcome(ask: Callable[[], object]) -> str:
    """The word of the refusal, if it is one, which is always explained."""
    try:
        ask()
    except AssayError as refused:
        assert len(str(refused)) > 10
        return getattr(refused, "kind", "") or refused.code
    return ""


def examined(sounds: Sounds, file: Path, longest_s: float = 3_600) -> Sound | str:
    """What it is, or the word of the refusal."""
    found: list[Sound] = []
    word = outcome(lambda: found.append(sounds.examine(file, longest_s)))
    return word or found[0]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_bad_input(case: Case, sounds: Sounds, tmp_path: Path, tally: Callable[[str], Tally]) -> None:
    count = tally("P20")
    (tmp_path / "x.wav").write_bytes(case.data)
    found = examined(sounds, tmp_path / "x.wav")
    word = found if isinstance(found, str) else ""
    heard = found.duration_s if isinstance(found, Sound) else 0
    wrong = word != case.refused or (case.seconds and abs(heard - case.seconds) > 0.1)
    count.count(int(bool(wrong)))
    assert not wrong, found
    if isinstance(found, Sound) and case.seconds:
        assert found.notes == case.notes
    name = sha256(case.data).hexdigest()
    sounds.locate(name).write_bytes(case.data)
    assert outcome(lambda: sounds.windows(name, HOUR)) == case.refused  # whoever asks for samples is told the same


def test_a06_mutated_headers(sounds: Sounds, tmp_path: Path, tier: str, tally: Callable[[str], Tally]) -> None:
    count, dice = tally("P20"), np.random.default_rng(20_260_706)
    shapes: tuple[dict[str, Any], ...] = (
        {"format": "WAV"},
        {"format": "WAV", "subtype": "FLOAT"},
        {"format": "WAVEX", "subtype": "PCM_24"},
        {"format": "RF64"},
    )
    files = [made(tone(1.1, channels=1 + i % 2), **told) for i, told in enumerate(shapes)]
    files.append(made(tone(1.1), format="WAV", subtype="PCM_16", endian="BIG"))
    words = set()
    for trial in range(MUTATED[tier]):
        data = bytearray(files[trial % len(files)])
        places = dice.integers(0, 128, dice.integers(1, 6))
        data[: len(data)] = data if dice.random() < 0.8 else data[: dice.integers(0, 200)]
        for place in places[places < len(data)]:
            data[place] = dice.choice([0, 1, 0x7F, 0x80, 0xFF, int(dice.integers(256))])
        (tmp_path / "x").write_bytes(data)
        found = examined(sounds, tmp_path / "x")
        good = isinstance(found, Sound) or found in KINDS - {"damaged"}
        count.count(int(not good))
        assert good, (trial, found)
        words.add(found if isinstance(found, str) else "")
    assert words >= {"", "bad_format", "audio_unsupported", "empty"}


@pytest.mark.parametrize("kind", ["flac", "ogg", "opus", "mp3"])
def test_a06_mutated_recordings_of_other_kinds(kind: str, sounds: Sounds, tmp_path: Path, tier: str) -> None:
    dice, whole = np.random.default_rng(7), RENAMED[kind][0]
    for trial in range(MUTATED[tier] // 10):
        data = bytearray(whole)
        for place in dice.integers(0, len(data) if trial % 2 else 200, 1 + trial % 6):
            data[place] = dice.integers(256)
        (tmp_path / "x").write_bytes(data)
        found = examined(sounds, tmp_path / "x")
        assert isinstance(found, Sound) or found in KINDS


@pytest.mark.parametrize("ending", RENAMED)
@pytest.mark.parametrize("name", ["x.wav", "x.flac", "x.mp3", "x.txt", "x"])
def test_a09_content_counts_and_not_the_name(name: str, ending: str, sounds: Sounds, tmp_path: Path) -> None:
    data, form = RENAMED[ending]
    (tmp_path / name).write_bytes(data)
    found = examined(sounds, tmp_path / name)
    assert found == "audio_unsupported" if not form else isinstance(found, Sound) and found.format == form


@pytest.mark.parametrize("told", [False, True], ids=["not told", "told"])
@pytest.mark.parametrize("form", ["FLAC", "OGG", "MP3"])
def test_a10_hours_of_silence_in_a_few_bytes(form: str, told: bool, sounds: Sounds, tmp_path: Path) -> None:
    file, rate = tmp_path / "x", 16_000
    with soundfile.SoundFile(file, "w", rate, 1, format=form) as out:
        for _ in range(15):
            out.write(np.zeros(rate * MINUTE_S, np.int16))
    data = bytearray(file.read_bytes())
    if not told and form == "FLAC":
        data[21:26] = bytes([data[21] & 0xF0, 0, 0, 0, 0])
    if not told and form == "MP3":
        data = data[data.index(b"\xff\xf3", 4) :]  # without the frame that tells the length
    file.write_bytes(data)
    assert len(data) < 2_500_000
    assert examined(sounds, file, 2 * MINUTE_S) == "audio_too_long"
    found = examined(sounds, file, 16 * MINUTE_S)
    assert isinstance(found, Sound)
    assert (round(found.duration_s), found.notes) == (15 * MINUTE_S, ("silent",))


def test_a13_a_day_is_too_long_whatever_it_takes_on_the_disk(sounds: Sounds, tmp_path: Path) -> None:
    size = 86_400 * 8_000 * 2
    with (tmp_path / "x").open("wb") as file:
        file.write(riff(FMT, chunk(b"data", b"", size)))
        file.truncate(44 + size)
    assert examined(sounds, tmp_path / "x") == "audio_too_long"


@pytest.mark.parametrize("name", NAMES)
def test_a14_a_name_is_only_a_name(name: str, sounds: Sounds, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(wav(2))
    assert isinstance(examined(sounds, tmp_path / name), Sound)
