"""Places that hold recordings: which there are, their bytes, and the rows that their table of utterances makes of them."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from assay.domain.items.item import Sound
from assay.errors import AudioRejected, AudioTooLong, AudioUnsupported, DataInvalid
from assay.sources import buckets
from assay.sources.audio import utterances
from assay.sources.audio.utterances import Utterance
from assay.sources.buckets import Found
from assay.sources.looks import kind, passed_over

if TYPE_CHECKING:
    import polars as pl

ENDINGS = (".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3")
TABLE = "utterances.csv"
MOST_FILES = 1_000_000
LONGEST_FILE = 1 << 30  # bytes
_CHUNK = 1 << 20


def recordings_at(place: str) -> list[Found]:
    """The recordings in a folder, or below a bucket's address, sub-folders included: path, size, and a tag.

    They are told from other files by their names' endings, and sorted by path, which has slashes whatever the system. The
    tag changes with the content. Names that begin with a dot or end in .tmp or .part are passed over, and so are links
    that lead out of the folder. A file that is still being written has another tag at the next look. Raises DataInvalid
    where the place, or a part of it, cannot be looked at: then nobody knows what is gone.
    """
    return [one for one in _found(place) if one.path.lower().endswith(ENDINGS)]


def fingerprint(place: str) -> str | None:
    """A short digest of the recordings and the table that are there now; None where there are none. Raises DataInvalid."""
    said = [f"{one.path}\0{one.size}\0{one.tag}" for one in _found(place)]
    return hashlib.sha256("\n".join(said).encode()).hexdigest() if said else None


def fetch(place: str, path: str, target: Path, limit_bytes: int = LONGEST_FILE) -> None:
    """Writes the bytes of one of the files that are there to `target`, never more than the limit; raises DataInvalid."""
    if kind(place) == "bucket":
        buckets.fetch(place, path, target, limit_bytes)
        return
    root = Path(place).expanduser()
    try:
        with _opened(root, path) as source:
            check_bytes(os.fstat(source.fileno()).st_size, path, limit_bytes)
            with target.open("wb") as out:
                while chunk := source.read(_CHUNK):
                    out.write(chunk)
                    check_bytes(out.tell(), path, limit_bytes)  # it may grow meanwhile
    except OSError as wrong:
        raise DataInvalid(f"{path}: the file cannot be read ({wrong.strerror or type(wrong).__name__}).") from None


def read_recordings(
    place: str, *, audio: str, target: str, examine: Callable[[Path], Sound], keep: Callable[[Path], str],
    left_out: Callable[[str, str], None] | None = None,
) -> pl.DataFrame:  # fmt: skip
    """A row for each recording that is there: its sha256 in the column `audio`, its utterances as JSON in `target`.

    The JSON is `[["zero", 0.42, 0.93], …]`: words, beginning and end in seconds, in the order of time; `[]` where the table
    has no line for the file. `keep` stores a file's bytes and says their sha256; equal bytes are one row. `left_out` is told
    the path of a recording that cannot be heard and that no line is about, and the sentence why; without it, such a
    recording is refused like any other. Raises DataInvalid, which names the file, or the line, field and rule of the table.
    """
    import polars as pl  # noqa: PLC0415 - who only looks at what is there needs no library of frames

    files = _labelled(place)
    rows: dict[str, tuple[str, list[Utterance]]] = {}
    with tempfile.TemporaryDirectory(prefix="assay-") as folder:
        draft = Path(folder) / "draft"
        fetch(place, TABLE, draft)
        table = utterances.read(draft, TABLE, frozenset(files))
        for file in files:
            said = table.get(file, [])
            fetch(place, file, draft)
            try:
                sound = examine(draft)
            except (AudioRejected, AudioUnsupported, AudioTooLong) as refused:
                if left_out is None or said:
                    raise DataInvalid(f"{file}: {refused}") from refused
                left_out(file, str(refused))
                continue
            utterances.check_within(said, sound.duration_s, file, TABLE)
            _add(rows, keep(draft), file, said)
    told = [msgspec.json.encode(_spoken(said)).decode() for _, said in rows.values()]
    return pl.DataFrame({audio: list(rows), target: told}, schema={audio: pl.String, target: pl.String})


def _labelled(place: str) -> list[str]:
    """The paths of the recordings; raises DataInvalid where there are none, or no table that says what is said in them."""
    found = [one.path for one in _found(place)]
    files = [path for path in found if path != TABLE]
    if not files:
        raise DataInvalid(f"{place}: there is no recording, that is no file that ends in {', '.join(ENDINGS)}.")
    if len(files) == len(found):
        raise DataInvalid(
            f"{place}: there is no {TABLE} (file,utterance,start_s,end_s), which says what is said in them."
        )
    return files


def _add(rows: dict[str, tuple[str, list[Utterance]]], digest: str, file: str, said: list[Utterance]) -> None:
    other, before = rows.setdefault(digest, (file, said))
    if _spoken(before) != _spoken(said):
        raise DataInvalid(f"{TABLE}: {other!r} and {file!r} are the same recording, and hold different utterances.")


def _spoken(said: list[Utterance]) -> list[tuple[str, float, float]]:
    return [(one.words, one.start_s, one.end_s) for one in said]


def _found(place: str) -> list[Found]:
    """The recordings and the table, sorted by path."""
    where = kind(place)
    if where == "database":
        raise DataInvalid("Recordings are read from folders and buckets, not from databases.")
    files = buckets.listed(place) if where == "bucket" else _in_folder(Path(place).expanduser())
    found = [one for one in files if one.path == TABLE or _counts(one.path)]
    check_count(len(found), place)
    return sorted(found, key=attrgetter("path"))


def check_bytes(size: int, path: str, limit_bytes: int = LONGEST_FILE) -> None:
    """Raises DataInvalid where a file has more bytes than are read."""
    if size > limit_bytes:
        raise DataInvalid(f"{path}: the file is longer than {limit_bytes:,} bytes.")


def check_count(files: int, place: str) -> None:
    """Raises DataInvalid where there are more files than are looked at."""
    if files > MOST_FILES:
        raise DataInvalid(f"{place}: there are {files:,} recordings; at most {MOST_FILES:,} are looked at.")


def _counts(path: str) -> bool:
    return path.lower().endswith(ENDINGS) and not any(map(passed_over, path.split("/")))


def _in_folder(root: Path) -> Iterator[Found]:
    if not root.is_dir():
        raise DataInvalid(f"{root}: there is no such folder.")
    real, waiting = root.resolve(), [""]
    while waiting:
        within = waiting.pop()
        for entry in _entries(root, within):
            path = within + entry.name
            if passed_over(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False):
                waiting.append(f"{path}/")
            elif (path == TABLE or _counts(path)) and _is_text(path):
                yield from _stated(entry, path, real)


def _entries(root: Path, within: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(root / within) as listing:
            return list(listing)
    except FileNotFoundError:
        return []  # gone since it was listed
    except OSError as wrong:
        raise DataInvalid(f"{wrong.filename}: the folder cannot be read ({wrong.strerror}).") from wrong


def _stated(entry: os.DirEntry[str], path: str, real: Path) -> Iterator[Found]:
    """The file, if it is one and within the folder."""
    try:
        state = entry.stat()
        inside = not entry.is_symlink() or Path(entry.path).resolve().is_relative_to(real)
    except OSError:
        return  # gone since it was listed, or a link to nowhere: the next look sees what is left
    if inside and stat.S_ISREG(state.st_mode):
        yield Found(path, state.st_size, f"{state.st_mtime_ns}-{state.st_ino}")


def _is_text(path: str) -> bool:
    """Whether the name is UTF-8, and can be stored."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _opened(root: Path, path: str) -> BinaryIO:
    """The file below the folder, if it is a file and below the folder; raises OSError or DataInvalid."""
    source = (root / path).resolve()
    if not source.is_relative_to(root.resolve()):
        raise DataInvalid(f"{path}: leads out of the folder.")
    opened = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise DataInvalid(f"{path}: is no file.")
    return os.fdopen(opened, "rb")
