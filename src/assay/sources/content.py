"""What a file is by its first bytes, whatever its name says."""

from __future__ import annotations

from pathlib import Path

from assay.errors import DataInvalid

_HEAD = 512
_SIGNATURES = (
    (b"PAR1", "Parquet"), (b"%PDF", "PDF"), (b"\x89PNG", "PNG picture"), (b"\xff\xd8\xff", "JPEG picture"),
    (b"GIF8", "GIF picture"), (b"PK\x03\x04", "ZIP archive (or a spreadsheet)"), (b"PK\x05\x06", "ZIP archive"),
    (b"\xd0\xcf\x11\xe0", "spreadsheet of an old Office"), (b"\x1f\x8b", "gzip archive"), (b"BZh", "bzip2 archive"),
    (b"\xfd7zXZ", "xz archive"), (b"7z\xbc\xaf", "7-Zip archive"), (b"\x28\xb5\x2f\xfd", "zstd archive"),
    (b"\x93NUMPY", "NumPy array"), (b"\x89HDF", "HDF5"), (b"ARROW1", "Arrow"), (b"Obj\x01", "Avro"),
    (b"SQLite format 3\0", "SQLite database"), (b"\x7fELF", "program"), (b"MZ\x90", "program"), (b"MZ\0", "program"),
    *((b"\x80" + bytes([protocol]), "pickle") for protocol in range(2, 6)),
    (b"cos\nsystem\n", "pickle"), (b"cposix\n", "pickle"), (b"(dp0\n", "pickle"), (b"(lp0\n", "pickle"),
    (b"c__builtin__\n", "pickle"), (b"cbuiltins\n", "pickle"),
)  # fmt: skip


def refuse_disguise(file: Path, ending: str, label: str) -> None:
    """Raises DataInvalid where the file is empty, or is by its first bytes something else than its ending says."""
    with file.open("rb") as opened:
        head = opened.read(_HEAD)
    if not head:
        raise DataInvalid(f"{label}: the file is empty.")
    is_parquet = head.startswith(b"PAR1")
    if ending == ".parquet":
        if not is_parquet:
            raise DataInvalid(f"{label}: the file cannot be read as .parquet: it is {_noun(head)}.")
        return
    if any(head.startswith(magic) for magic, _ in _SIGNATURES) or _is_page(head) or _is_tar(head):
        raise DataInvalid(f"{label}: the file cannot be read as {ending}: its content is {_noun(head)}.")


def _noun(head: bytes) -> str:
    found = next((noun for magic, noun in _SIGNATURES if head.startswith(magic)), None)
    if found is not None:
        return f"that of a {found} file" if found != "pickle" else "a pickle"
    return "a web page" if _is_page(head) else "a tar archive" if _is_tar(head) else "something else"


def _is_page(head: bytes) -> bool:
    return head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml"))


def _is_tar(head: bytes) -> bool:
    return head[257:262] == b"ustar"
