"""What libsndfile decodes is what is really there: cut, damaged, and of lengths that the header does not know."""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.errors import AudioRejected
from assay.sources.audio.compressed import blocks, claimed_frames, is_cut, opened
from assay.sources.audio.sniffing import Format, frame_bytes
from tests.waves import Samples, made, tagged, tone

NOISE = np.random.default_rng(3).uniform(-0.3, 0.3, (48_000 * 5, 2)).astype(np.float32)
FRAMES = len(NOISE)
KINDS: dict[Format, dict[str, Any]] = {
    "flac": {"format": "FLAC"}, "ogg": {"format": "OGG", "subtype": "VORBIS"}, "mp3": {"format": "MP3"},
}  # fmt: skip


@cache
def recording(kind: Format) -> bytes:
    """Five seconds of noise on two channels."""
    return made(NOISE, 48_000, **KINDS[kind])


def heard(data: bytes, kind: Format, place: Path, start: int = 0) -> tuple[int | None, Samples]:
    """How many frames it claims, and its samples."""
    (place / "x").write_bytes(data)
    with (place / "x").open("rb") as file, opened(file, kind, start) as stream:
        return claimed_frames(stream), np.concatenate([block.copy() for block in blocks(stream, 10_000)])


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_recording_has_the_frames_that_it_claims(kind: Format, tmp_path: Path) -> None:
    claimed, samples = heard(recording(kind), kind, tmp_path)
    assert claimed == len(samples) == FRAMES
    if kind == "flac":
        assert np.abs(samples - NOISE).max() < 2**-15


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_heard_is_what_was_said(kind: Format, tmp_path: Path) -> None:
    said = tone(2, 48_000, 2)
    samples = heard(made(said, 48_000, **KINDS[kind]), kind, tmp_path)[1]
    assert np.abs(samples - said).max() < 0.05


@pytest.mark.parametrize(("kind", "subtype"), [("ogg", "OPUS"), ("flac", "PCM_24"), ("flac", "PCM_S8")])
def test_their_other_codecs_are_read_too(kind: Format, subtype: str, tmp_path: Path) -> None:
    data = made(NOISE, 48_000, format=KINDS[kind]["format"], subtype=subtype)
    assert len(heard(data, kind, tmp_path)[1]) == FRAMES


@pytest.mark.parametrize("cut", [0.9, 0.6, 0.3])
@pytest.mark.parametrize("kind", KINDS)
def test_of_a_cut_one_all_that_is_there_is_heard(kind: Format, cut: float, tmp_path: Path) -> None:
    whole = recording(kind)
    samples = heard(whole[: int(len(whole) * cut)], kind, tmp_path)[1]
    assert cut - 0.1 < len(samples) / FRAMES < cut + 0.02
    assert np.array_equal(samples[:10_000], heard(whole, kind, tmp_path)[1][:10_000])


def test_a_flac_that_leaves_its_length_open_is_heard_to_its_end(tmp_path: Path) -> None:
    data = bytearray(recording("flac"))
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    claimed, samples = heard(bytes(data), "flac", tmp_path)
    assert (claimed, len(samples)) == (None, FRAMES)


def test_an_mp3_whose_length_can_only_be_guessed_is_heard_to_its_end(tmp_path: Path) -> None:
    quiet = np.zeros_like(NOISE)
    data = made(np.concatenate([NOISE, quiet, NOISE]), 48_000, format="MP3")
    first = frame_bytes(data[:4]) or 0
    assert b"Xing" in data[:first] or b"Info" in data[:first]
    claimed, samples = heard(data[first:], "mp3", tmp_path)
    assert claimed is None
    assert 3 * FRAMES <= len(samples) < 3 * FRAMES + 2 * 1_152 + 1


@pytest.mark.parametrize("kind", ["mp3", "flac"])
def test_a_tag_of_ten_megabytes_is_stepped_over(kind: Format, tmp_path: Path) -> None:
    tag = b"APIC" + b"\xff\xfb\x90\x00" * 2_500_000
    start = 10 + len(tag)
    assert len(heard(tagged(recording(kind), tag), kind, tmp_path, start)[1]) == FRAMES


def test_an_mp3_that_is_left_early_stops_being_fed(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(recording("mp3") * 50)
    before = threading.active_count()
    with (tmp_path / "x").open("rb") as file, opened(file, "mp3", 0) as stream:
        next(blocks(stream, 1_000))
    assert threading.active_count() == before


@pytest.mark.parametrize("kind", ["flac", "ogg"])
def test_a_header_that_cannot_be_read_is_damage(kind: Format, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(recording(kind)[:8] + bytes(10_000))
    with (tmp_path / "x").open("rb") as file, pytest.raises(AudioRejected) as refused, opened(file, kind, 0):
        pass
    assert refused.value.kind == "damaged"


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_an_ogg_without_its_last_page_is_cut(subtype: str, tmp_path: Path) -> None:
    data = made(tone(3), format="OGG", subtype=subtype)
    for length in (len(data), len(data) - 1, len(data) // 2, 100, 20, 0):
        (tmp_path / "x").write_bytes(data[:length])
        with (tmp_path / "x").open("rb") as file:
            assert is_cut(file) == (length < len(data))
