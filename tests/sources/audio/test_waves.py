"""A WAV file is read as the library reads it, and what its header says is not believed."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from assay.errors import AudioRejected, AudioUnsupported
from assay.sources.audio.waves import MOST_CHUNKS, Wave, blocks, check_shape, read_header
from tests.waves import UNTOLD, Samples, chunk, made, riff, shape, tone, wav

SUBTYPES = ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAW", "ULAW")
FMT = chunk(b"fmt ", shape())
DATA = chunk(b"data", bytes(32_000))
FILLER = chunk(b"fill", b"xyz")  # of odd length


def header(data: bytes, place: Path) -> Wave:
    """What the header says."""
    (place / "x.wav").write_bytes(data)
    with (place / "x.wav").open("rb") as file:
        return read_header(file)


def samples(data: bytes, place: Path, frames: int = 1000) -> Samples:
    """float32 [frames, channels]."""
    (place / "x.wav").write_bytes(data)
    with (place / "x.wav").open("rb") as file:
        return np.concatenate([*blocks(file, read_header(file), frames)])


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("subtype", SUBTYPES)
@pytest.mark.parametrize("form", ["WAV", "WAVEX", "RF64"])
def test_samples_are_those_that_the_library_reads(form: str, subtype: str, channels: int, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).uniform(-1, 1, (5_000, channels)).astype(np.float32)
    data = made(noise, format=form, subtype=subtype)
    expected = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)[0]
    assert np.array_equal(samples(data, tmp_path), expected)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_big_endian_files_are_read_too(subtype: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(2).uniform(-1, 1, (3_000, 2)).astype(np.float32)
    data = made(noise, format="WAV", subtype=subtype, endian="BIG")
    assert data.startswith(b"RIFX")
    expected = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)[0]
    assert np.array_equal(samples(data, tmp_path), expected)


@pytest.mark.parametrize("law", ["ALAW", "ULAW"])
def test_every_byte_of_the_telephone_codes_is_as_the_library_has_it(law: str, tmp_path: Path) -> None:
    kind = 6 if law == "ALAW" else 7
    data = riff(chunk(b"fmt ", shape(bits=8, kind=kind)), chunk(b"data", bytes(range(256))))
    expected = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)[0]
    assert np.array_equal(samples(data, tmp_path), expected)


def test_chunks_before_the_samples_are_stepped_over(tmp_path: Path) -> None:
    told = header(riff(FILLER, FMT, FILLER, FILLER, DATA, FILLER), tmp_path)
    assert (told.frames, told.claimed, told.channels, told.rate, told.bits) == (16_000, 16_000, 1, 8_000, 16)
    assert samples(riff(FILLER, FMT, FILLER, DATA), tmp_path).shape == (16_000, 1)


def test_frames_are_those_really_there(tmp_path: Path) -> None:
    whole = riff(FMT, DATA)
    assert header(whole[:-10_001], tmp_path).frames == 16_000 - 5_001
    assert header(whole[:-10_001], tmp_path).claimed == 16_000
    assert header(whole + bytes(10_000), tmp_path).frames == 16_000
    assert header(riff(FMT, chunk(b"data", bytes(800), 0xFFFFFFF0)), tmp_path).frames == 400
    assert header(riff(FMT, chunk(b"data", bytes(800), 0)), tmp_path).frames == 0


def test_a_length_that_was_left_open_is_that_of_the_file(tmp_path: Path) -> None:
    told = header(riff(FMT, chunk(b"data", bytes(32_000), UNTOLD), size=UNTOLD), tmp_path)
    assert (told.frames, told.claimed) == (16_000, None)


@pytest.mark.parametrize("claimed", [32_000, 32_000_000])
def test_a_long_file_has_its_length_elsewhere(claimed: int, tmp_path: Path) -> None:
    lengths = chunk(b"ds64", struct.pack("<QQQI", 0, claimed, claimed // 2, 0))
    told = header(riff(lengths, FMT, chunk(b"data", bytes(32_000), UNTOLD), name=b"RF64", size=UNTOLD), tmp_path)
    assert (told.frames, told.claimed) == (16_000, claimed // 2)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (riff(FMT), "empty"),
        (riff(), "bad_format"),
        (riff(DATA), "bad_format"),
        (riff(FMT, FMT, DATA), "bad_format"),
        (riff(chunk(b"fmt ", shape()))[:30], "bad_format"),
        (riff(chunk(b"fmt ", shape()[:14]), DATA), "bad_format"),
        (riff(chunk(b"ds64", bytes(8)), FMT, DATA, name=b"RF64"), "bad_format"),
        (riff(FMT, chunk(b"LIST", bytes(4), 500 << 20), DATA), "header_lies"),
        (riff(FMT, chunk(b"LIST", bytes(4), -3), DATA), "header_lies"),
        (riff(*[FILLER] * MOST_CHUNKS, FMT, DATA), "too_many_chunks"),
        (riff(chunk(b"fmt ", shape(rate=0)), DATA), "bad_sample_rate"),
        (riff(chunk(b"fmt ", shape(channels=0)), DATA), "bad_format"),
        (riff(chunk(b"fmt ", shape(bits=0)), DATA), "bad_format"),
        (riff(chunk(b"fmt ", shape(bits=16, kind=3)), DATA), "bad_format"),
        (riff(chunk(b"fmt ", shape(align=3)), DATA), "bad_format"),
        (riff(chunk(b"fmt ", shape(kind=0xFFFE)), DATA), "bad_format"),
    ],
)
def test_a_header_that_makes_no_sense_is_refused_by_its_rule(data: bytes, kind: str, tmp_path: Path) -> None:
    with pytest.raises(AudioRejected) as refused:
        header(data, tmp_path)
    assert refused.value.kind == kind


@pytest.mark.parametrize("subtype", ["IMA_ADPCM", "MS_ADPCM", "GSM610", "G721_32"])
def test_codes_that_are_not_decoded_are_named(subtype: str, tmp_path: Path) -> None:
    with pytest.raises(AudioUnsupported, match=r"ADPCM|GSM"):
        header(made(tone(), format="WAV", subtype=subtype), tmp_path)


@pytest.mark.parametrize("rest", [bytes(24), b"\x16\0\x10\0\0\0\0\0\x01\0" + bytes(14)])
def test_an_extended_format_of_a_strange_family_is_not_decoded(rest: bytes, tmp_path: Path) -> None:
    with pytest.raises(AudioUnsupported):
        header(riff(chunk(b"fmt ", shape(kind=0xFFFE, rest=rest)), DATA), tmp_path)


def test_a_thousand_chunks_are_walked(tmp_path: Path) -> None:
    assert header(riff(*[FILLER] * (MOST_CHUNKS - 2), FMT, DATA), tmp_path).frames == 16_000


def test_a_file_that_gets_shorter_while_it_is_read_just_ends(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(wav(2))
    with (tmp_path / "x.wav").open("r+b") as file:
        told = read_header(file)
        file.truncate(1_000)
        assert sum(len(block) for block in blocks(file, told, 100)) == (1_000 - told.start) // 2


@pytest.mark.parametrize("rate", [4_000, 384_000])
@pytest.mark.parametrize("channels", [1, 32])
def test_the_last_shape_that_is_heard(rate: int, channels: int) -> None:
    check_shape(rate, channels)
    for wrong in (3_999, 384_001):
        with pytest.raises(AudioRejected, match="samples a second"):
            check_shape(wrong, channels)
    for many in (0, 33):
        with pytest.raises(AudioRejected, match="channels"):
            check_shape(rate, many)
