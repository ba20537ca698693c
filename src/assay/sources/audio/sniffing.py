"""Which kind of recording a file is, by its first bytes and never by its name."""

from __future__ import annotations

from typing import BinaryIO, Literal

from assay.errors import AudioRejected, AudioUnsupported

Format = Literal["wav", "flac", "ogg", "mp3"]
READ = "WAV, FLAC, Ogg (Vorbis or Opus) and MP3 are read"
WAVES = (b"RIFF", b"RIFX", b"RF64")
HEAD = 64
_PADDING = 4096  # zeros that some writers leave after a tag
_STRANGERS = (
    (4, b"ftyp", "MP4 or M4A"), (0, b"MThd", "MIDI"), (0, b"#EXTM3U", "a playlist"), (0, b"riff", "Wave64"),
    (0, b"FORM", "AIFF"), (0, b".snd", "AU"), (0, b"caff", "Core Audio"), (0, b"\x1aE\xdf\xa3", "Matroska or WebM"),
    (0, b"0&\xb2u", "Windows Media"), (0, b"#!AMR", "AMR"), (0, b"MAC ", "Monkey's Audio"), (0, b"wvpk", "WavPack"),
    (0, b"ADIF", "AAC"), (0, b"PK\x03\x04", "a ZIP archive"), (0, b"%PDF", "PDF"), (0, b"\x1f\x8b", "a gzip archive"),
)  # fmt: skip
_OGG_CODECS = ((b"\x01vorbis", "Vorbis"), (b"OpusHead", "Opus"))
# kilobits a second of MPEG layer III: of version 1, and of versions 2 and 2.5
_BITRATES = (
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)
_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}  # by the version's bits


def sniff(file: BinaryIO) -> tuple[Format, int]:
    """The kind of recording, and the byte at which it begins (after a tag); raises AudioRejected or AudioUnsupported."""
    head = file.read(HEAD)
    if not head:
        raise AudioRejected("The file is empty.", "empty")
    if head.startswith(WAVES):
        return _in_riff(head)
    if head.startswith(b"fLaC"):
        return "flac", 0
    if head.startswith(b"OggS"):
        return _in_ogg(file, head)
    if head.startswith(b"ID3"):
        return _after_tag(file, head)
    if _is_mp3(file, 0):
        return "mp3", 0
    raise AudioUnsupported(f"The file is {_noun(head)}; {READ}.")


def frame_bytes(head: bytes) -> int | None:
    """How many bytes the frame of MPEG layer III has that begins with these four; None where none begins here."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bitrate, rate, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if layer != 1 or version == 1 or rate == 3 or bitrate in (0, 15):
        return None
    newest = version == 3
    return (144 if newest else 72) * _BITRATES[not newest][bitrate] * 1000 // _RATES[version][rate] + padding


def _after_tag(file: BinaryIO, head: bytes) -> tuple[Format, int]:
    """What follows an ID3 tag, whatever that holds."""
    if len(head) < 10 or any(byte & 0x80 for byte in head[6:10]):
        raise AudioUnsupported(f"The file begins with a damaged ID3 tag; {READ}.")
    size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
    start = 10 + size + (10 if head[5] & 0x10 else 0)
    file.seek(start)
    inner = file.read(_PADDING)
    if inner.startswith(b"fLaC"):
        return "flac", start
    start += len(inner) - len(inner.lstrip(b"\0"))
    if _is_mp3(file, start):
        return "mp3", start
    raise AudioUnsupported(f"The file is {_noun(inner)} after an ID3 tag; {READ}.")


def _in_riff(head: bytes) -> tuple[Format, int]:
    """RIFF holds films and other things too."""
    if len(head) < 12:
        raise AudioRejected("The file ends within its header.", "empty")
    if head[8:12] != b"WAVE":
        raise AudioUnsupported(f"The file is RIFF of another sort than WAV; {READ}.")
    return "wav", 0


def _in_ogg(file: BinaryIO, head: bytes) -> tuple[Format, int]:
    """Ogg holds recordings of many kinds, and films; its first packet says which."""
    if len(head) < 28:
        raise AudioRejected("The file ends within its header.", "empty")
    file.seek(27 + head[26])
    packet = file.read(8)
    if any(packet.startswith(mark) for mark, _ in _OGG_CODECS):
        return "ogg", 0
    raise AudioUnsupported(f"The file is Ogg of another sort than Vorbis or Opus; {READ}.")


def _is_mp3(file: BinaryIO, start: int) -> bool:
    """Whether two frames follow each other here; one alone is found in any noise."""
    file.seek(start)
    length = frame_bytes(file.read(4))
    if length is None:
        return False
    file.seek(start + length)
    return frame_bytes(file.read(4)) is not None


def _noun(head: bytes) -> str:
    return next((noun for at, mark, noun in _STRANGERS if head[at : at + len(mark)] == mark), "no recording")
