"""One way through a recording: judged before it is decoded, mixed, resampled, and noted where it is odd."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.domain.items.item import Sound
from assay.errors import AudioRejected, AudioTooLong
from assay.sources.audio import hearing
from assay.sources.audio.hearing import hear
from tests.waves import UNTOLD, Samples, chunk, made, riff, shape, tone, wav


def heard(data: bytes, place: Path, rate: int = 0, longest_s: float = 3600) -> tuple[Sound, Samples]:
    """The sound, and its samples as engines get them."""
    given: list[Samples] = []
    (place / "x").write_bytes(data)
    with (place / "x").open("rb") as file:
        sound = hear(file, rate, longest_s, given.append)
    return sound, np.concatenate([np.empty(0, np.float32), *given])


def refusal(data: bytes, place: Path, **told: Any) -> str:
    """The word of the rule."""
    with pytest.raises(AudioRejected) as refused:
        heard(data, place, **told)
    return refused.value.kind


def floats(values: Samples, rate: int = 8_000) -> bytes:
    """A WAV of just these floats."""
    return riff(chunk(b"fmt ", shape(rate, bits=32, kind=3)), chunk(b"data", values.astype("<f4").tobytes()))


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"format": "WAV"}, "wav"), ({"format": "FLAC"}, "flac"), ({"format": "OGG", "subtype": "VORBIS"}, "ogg"),
        ({"format": "MP3"}, "mp3"),
    ],
)  # fmt: skip
def test_facts_are_told_without_samples(told: dict[str, Any], found: str, tmp_path: Path) -> None:
    sound, samples = heard(made(tone(2.5, 16_000, 2), 16_000, **told), tmp_path)
    assert (sound.format, sound.rate, sound.channels, sound.frames) == (found, 16_000, 2, 40_000)
    assert (sound.duration_s, sound.notes, len(samples)) == (2.5, (), 0)


def test_channels_are_mixed_to_their_mean(tmp_path: Path) -> None:
    left, right = tone(1), tone(1, hertz=700)
    samples = heard(made(np.hstack([left, right]), format="WAV", subtype="FLOAT"), tmp_path, 8_000)[1]
    assert np.allclose(samples, (left + right)[:, 0] / 2, atol=1e-7)


@pytest.mark.parametrize("rate", [4_000, 11_025, 44_100, 48_000, 384_000])
def test_a_tone_keeps_its_pitch_and_length_at_any_rate(rate: int, tmp_path: Path) -> None:
    samples = heard(made(tone(2, rate), rate, format="WAV"), tmp_path, 8_000)[1]
    assert len(samples) == 16_000
    spectrum = np.abs(np.fft.rfft(samples[4_000:12_000]))
    assert spectrum.argmax() == 440
    assert np.abs(samples).max() == pytest.approx(0.5, abs=0.02)


def test_the_same_samples_come_however_they_are_cut_into_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, found = made(tone(3, 44_100, 2), 44_100, format="FLAC"), []
    for frames in (65_536, 1_000, 37):
        monkeypatch.setattr(hearing, "BLOCK", frames)
        found.append(heard(data, tmp_path, 16_000)[1])
    assert all(np.array_equal(one, other) for one, other in pairwise(found))


def test_what_the_resampler_overshoots_is_cut_off(tmp_path: Path) -> None:
    square = np.sign(tone(1, 48_000))
    samples = heard(made(square, 48_000, format="WAV", subtype="FLOAT"), tmp_path, 16_000)[1]
    assert np.abs(samples).max() == 1


@pytest.mark.parametrize("cut", [0.9, 0.5, 0.2])
@pytest.mark.parametrize("told", [{"format": "WAV"}, {"format": "FLAC"}, {"format": "OGG"}, {"format": "MP3"}])
def test_a_cut_recording_is_heard_as_far_as_it_goes_and_noted(told: dict[str, Any], cut: float, tmp_path: Path) -> None:
    noise = np.random.default_rng(4).uniform(-0.3, 0.3, (80_000, 1)).astype(np.float32)
    data = made(noise, **told)
    sound = heard(data[: int(len(data) * cut)], tmp_path)[0]
    assert sound.notes == ("truncated",)
    assert cut - 0.15 < sound.duration_s / 10 < cut + 0.02


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_sample_that_is_no_number_is_refused(value: float, tmp_path: Path) -> None:
    values = tone(60)[:, 0]
    values[-1] = value
    assert refusal(floats(values), tmp_path) == "bad_samples"


def test_samples_beyond_full_scale_are_clipped_and_noted(tmp_path: Path) -> None:
    values = tone(1)[:, 0]
    values[:2] = 1e30, -1e30
    sound, samples = heard(floats(values), tmp_path, 8_000)
    assert (sound.notes, samples[0], samples[1]) == (("clipped",), 1, -1)
    huge = riff(chunk(b"fmt ", shape(bits=64, kind=3)), chunk(b"data", np.full(8_000, 1e300).tobytes()))
    assert refusal(huge, tmp_path) == "bad_samples"


def test_silence_is_noted(tmp_path: Path) -> None:
    assert heard(made(tone(1, loud=0), format="FLAC"), tmp_path)[0].notes == ("silent",)
    assert heard(made(tone(1, loud=0.001), format="FLAC"), tmp_path)[0].notes == ()


def test_a_length_that_is_left_open_is_noted(tmp_path: Path) -> None:
    data = riff(chunk(b"fmt ", shape()), chunk(b"data", (tone(2) * 9_999).astype("<i2").tobytes(), UNTOLD))
    assert heard(data, tmp_path)[0].notes == ("streamed",)


def test_a_header_that_claims_far_more_lies(tmp_path: Path) -> None:
    assert refusal(wav(2, data_bytes=16_000 * 20 + 2), tmp_path) == "header_lies"
    assert heard(wav(2, data_bytes=16_000 * 20), tmp_path)[0].notes == ("truncated",)
    flac = made(np.random.default_rng(5).uniform(-1, 1, (80_000, 1)).astype(np.float32), format="FLAC")
    assert refusal(flac[: len(flac) // 11], tmp_path) == "header_lies"


@pytest.mark.parametrize("frames", [1, 8, 7_999])
@pytest.mark.parametrize("form", ["WAV", "FLAC"])
def test_less_than_a_second_is_too_short(form: str, frames: int, tmp_path: Path) -> None:
    assert refusal(made(tone(1)[:frames], format=form), tmp_path) == "too_short"
    assert heard(made(tone(1), format=form), tmp_path)[0].frames == 8_000


def test_what_is_left_of_a_cut_recording_and_too_short_says_both_lengths(tmp_path: Path) -> None:
    with pytest.raises(AudioRejected, match=r"sounds for 0\.250 seconds of the 2\.000 that its header claims"):
        heard(wav(0.25, data_bytes=32_000), tmp_path)


def test_the_longest_is_heard_and_one_frame_more_is_not(tmp_path: Path) -> None:
    for data in (wav(5), made(tone(5), format="FLAC"), made(tone(5), format="OGG")):
        assert heard(data, tmp_path, longest_s=5)[0].frames == 40_000
        with pytest.raises(AudioTooLong, match="more than 4"):
            heard(data, tmp_path, longest_s=4.9999)


def test_too_long_is_refused_before_anything_is_decoded(tmp_path: Path) -> None:
    data = bytearray(made(tone(2), format="FLAC"))
    data[21] |= 0x0F
    data[22:26] = b"\xff" * 4
    given: list[Samples] = []
    (tmp_path / "x").write_bytes(data[:200])
    with (tmp_path / "x").open("rb") as file, pytest.raises(AudioTooLong):
        hear(file, 8_000, 3_600, given.append)
    assert given == []


def test_a_length_that_is_not_told_is_counted_and_stopped(tmp_path: Path) -> None:
    data = bytearray(made(tone(60), format="FLAC"))
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    given: list[Samples] = []
    (tmp_path / "x").write_bytes(data)
    with (tmp_path / "x").open("rb") as file, pytest.raises(AudioTooLong):
        hear(file, 8_000, 10, given.append)
    assert sum(len(one) for one in given) < 20 * 8_000
