"""Content says what a recording is: names do not, and a lucky byte does not either."""

from __future__ import annotations

import io

import pytest

from assay.errors import AudioRejected, AudioUnsupported
from assay.sources.audio.sniffing import frame_bytes, sniff
from tests.waves import chunk, made, riff, tagged, tone, wav

MP3 = made(tone(1, 44_100), 44_100, format="MP3")
FLAC = made(tone(1), format="FLAC")
OGG = made(tone(1), format="OGG", subtype="VORBIS")
OPUS = made(tone(1), format="OGG", subtype="OPUS")


def numbered(value: object) -> str:
    """Bytes that differ from process to process name no test."""
    return "bytes" if isinstance(value, bytes) else str(value)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (wav(), ("wav", 0)),
        (riff(name=b"RIFX"), ("wav", 0)),
        (made(tone(), format="RF64", subtype="PCM_16"), ("wav", 0)),
        (FLAC, ("flac", 0)),
        (OGG, ("ogg", 0)),
        (OPUS, ("ogg", 0)),
        (MP3, ("mp3", 0)),
        (tagged(MP3, b"<script>alert(1)</script>" * 40), ("mp3", 1010)),
        (tagged(bytes(100) + MP3, b"x" * 10), ("mp3", 120)),
        (tagged(FLAC, b"x" * 100), ("flac", 110)),
    ],
    ids=numbered,
)
def test_what_is_read_is_known_by_its_content(data: bytes, found: tuple[str, int]) -> None:
    assert sniff(io.BytesIO(data)) == found


@pytest.mark.parametrize(
    ("data", "noun"),
    [
        (b"\0\0\0\x20ftypM4A \0\0\0\0" + bytes(100), "MP4 or M4A"),
        (b"MThd\0\0\0\6" + bytes(100), "MIDI"),
        (b"#EXTM3U\nfile:///etc/passwd\n", "a playlist"),
        (made(tone(), format="AIFF"), "AIFF"),
        (made(tone(), format="W64"), "Wave64"),
        (made(tone(), format="AU"), "AU"),
        (made(tone(), format="CAF"), "Core Audio"),
        (riff(chunk(b"hdrl", bytes(20))).replace(b"WAVE", b"AVI "), "RIFF of another sort"),
        (made(tone(), format="OGG", subtype="VORBIS").replace(b"\x01vorbis", b"\x80theora", 1), "Ogg of another sort"),
        (b"<!doctype html><script>", "no recording"),
        (MP3[:4] + bytes(1000), "no recording"),  # one frame's head is found in any noise
        (b"\xff\xf1\x50\x80" + bytes(1000), "no recording"),  # AAC has the same beginning
        (bytes(1000), "no recording"),
        (tagged(b"<html>", b"x" * 10), "no recording after an ID3 tag"),
        (tagged(b"", b"x" * 10)[:15], "no recording after an ID3 tag"),
        (b"ID3\4\0\0\xff\xff\xff\xff", "a damaged ID3 tag"),
    ],
    ids=numbered,
)
def test_anything_else_is_refused_by_name(data: bytes, noun: str) -> None:
    with pytest.raises(AudioUnsupported, match=f"{noun}.*WAV, FLAC"):
        sniff(io.BytesIO(data))


@pytest.mark.parametrize("data", [b"", b"RIFF\x24\0\0", b"OggS" + bytes(10)])
def test_a_file_that_ends_within_its_beginning_is_empty(data: bytes) -> None:
    with pytest.raises(AudioRejected) as refused:
        sniff(io.BytesIO(data))
    assert refused.value.kind == "empty"


@pytest.mark.parametrize(
    ("head", "length"),
    [
        ("fffb9000", 417),  # version 1, 128 kbit/s, 44.1 kHz
        ("fffb9200", 418),  # with padding
        ("fff380c4", 208),  # version 2, 64 kbit/s, 22.05 kHz
        ("ffe31000", 52),  # version 2.5, 8 kbit/s, 11.025 kHz
        ("fffb0000", None),  # a free bitrate
        ("fffbf000", None),
        ("fffb9c00", None),  # no such rate
        ("ffeb9000", None),  # no such version
        ("fffd9000", None),  # layer II
        ("fffb90", None),
    ],
)
def test_the_length_of_a_frame_is_as_the_standard_says(head: str, length: int | None) -> None:
    assert frame_bytes(bytes.fromhex(head)) == length
