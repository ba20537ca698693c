"""CSV files, whole and well formed: each fault is found by line before a row is believed."""

from __future__ import annotations

import codecs
import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assay.errors import DataInvalid

CHUNK = 4 << 20
LONGEST_FIELD = 131_072
LONGEST_HEADER = 1 << 20
MOST_COLUMNS = 1000
TOLD = 100  # faulty lines that are looked for before the file is refused
NAMED = 5
NUL, NEWLINE, SPACE, QUOTE, COMMA = b'\0\n ",'
BOM = codecs.BOM_UTF8
_OTHER_DIALECTS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_BLANK_BEFORE = np.array([NEWLINE, SPACE, QUOTE, COMMA], np.uint8)
Mask = NDArray[np.bool_]
Places = NDArray[np.intp]


@dataclass(frozen=True)
class Form:
    """What reading must make good: blank lines, and line ends of a single carriage return."""

    blank: bool = False
    returns: bool = False


def read(file: Path, label: str) -> pl.DataFrame:
    """All rows, each column typed by all of its values, names without spaces around them; raises DataInvalid.

    Separated by commas, quoted as in RFC 4180, UTF-8 with or without a mark; lines may end in CRLF, LF or CR and blank
    ones do not count. The file is checked in chunks of 4 MiB, then decoded.
    """
    source: Path | bytes = file
    with file.open("rb") as opened:
        form = check(opened, label)
    if form.returns:
        source = file.read_bytes().replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        form = check(io.BytesIO(source), label)
    rows = _decoded(source)
    if form.blank:
        rows = rows.filter(pl.all_horizontal(pl.all().is_null()).not_())
    return rows.rename({name: name.strip() for name in rows.columns})


def _decoded(source: Path | bytes) -> pl.DataFrame:
    try:
        # The whole file decides a column's type: a prefix would make the type depend on the order of the rows.
        return pl.read_csv(source, infer_schema_length=None)
    except pl.exceptions.ComputeError:  # it took something for a number that is none, such as digits of another script
        texts = pl.read_csv(source, infer_schema=False)
        return texts.select(_narrowed(column) for column in texts)


def _narrowed(column: pl.Series) -> pl.Series:
    for kind in (pl.Int64, pl.Float64):
        found = column.cast(kind, strict=False)
        if found.null_count() == column.null_count():
            return found
    return column


def check(file: BinaryIO, label: str) -> Form:
    """Raises DataInvalid, which names the line and the rule, unless every line has the header's fields and is UTF-8."""
    first = file.read(LONGEST_HEADER)
    _refuse_wide_characters(first, label)
    returns = b"\n" not in first and b"\r" in first
    if returns:
        return Form(returns=True)
    names = header(first.removeprefix(BOM), label)
    file.seek(len(BOM) if first.startswith(BOM) else 0)
    scan = _Scan(label, len(names), file.tell())
    while chunk := file.read(CHUNK):
        scan.take(chunk + file.readline(2 * LONGEST_FIELD))
        if scan.returns:
            return Form(returns=True)
    scan.end()
    return Form(blank=scan.blank)


def header(first: bytes, label: str) -> list[str]:
    """The names in the first line of these bytes; raises DataInvalid."""
    line, ended, _ = first.partition(b"\n")
    if not ended and len(first) >= LONGEST_HEADER - len(BOM):
        raise DataInvalid(f"{label}: line 1: the header is longer than {LONGEST_HEADER:,} bytes.")
    text = line.decode("utf-8", "replace").rstrip("\r")
    if not text.strip():
        raise DataInvalid(f"{label}: line 1: the header is missing; the first line names the columns.")
    other = next((sign for sign in _OTHER_DIALECTS if sign in text and "," not in text), None)
    if other is not None:
        raise DataInvalid(
            f"{label}: line 1: the fields seem to be separated by {_OTHER_DIALECTS[other]};"
            " separate them by commas, with points in decimal fractions."
        )
    try:
        names = [name.strip() for name in next(csv.reader([text]))]
    except csv.Error as wrong:
        raise DataInvalid(f"{label}: line 1: a field is longer than {LONGEST_FIELD:,} bytes.") from wrong
    _check_names(names, label)
    return names


def _check_names(names: list[str], label: str) -> None:
    if len(names) > MOST_COLUMNS:
        raise DataInvalid(f"{label}: there are {len(names):,} columns; at most {MOST_COLUMNS:,} are read.")
    if "" in names:
        raise DataInvalid(f"{label}: line 1: column {names.index('') + 1} has no name.")
    twice = next((name for at, name in enumerate(names) if name in names[:at]), None)
    if twice is not None:
        raise DataInvalid(f"{label}: line 1: two columns are named {twice[:80]!r}.")
    if all(_is_number(name) for name in names):
        raise DataInvalid(f"{label}: line 1: there are only numbers; the first line must name the columns.")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _refuse_wide_characters(first: bytes, label: str) -> None:
    marked = first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if marked or (len(first) > 3 and first[:64].count(0) >= len(first[:64]) // 3):
        raise DataInvalid(f"{label}: byte 0: the text is UTF-16 or UTF-32; save it as UTF-8.")


class _Scan:
    """Goes through a file once, in chunks that end with a line."""

    def __init__(self, label: str, width: int, offset: int) -> None:
        self.blank = self.returns = False
        self._label, self._width = label, width
        self._offset = offset  # of the chunk in the file, in bytes
        self._line = 1  # of the chunk's first byte
        self._quoted = 0  # whether the chunk begins within a quoted field
        self._opened = 1  # the line of the last quote that opened
        self._separators = 0  # of the line that the chunk goes on with
        self._length = 0  # of the field that it goes on with
        self._ragged: list[tuple[int, int]] = []
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def take(self, chunk: bytes) -> None:
        """Checks the next lines."""
        self._check_characters(chunk)
        if b"\r" in chunk and chunk.count(b"\r") > chunk.count(b"\r\n"):
            self.returns = True
            return
        if b"\r" in chunk:
            self._offset += chunk.count(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n")
        held = np.frombuffer(chunk, np.uint8)
        outside = self._outside(held)
        ends = np.flatnonzero((held == NEWLINE) & outside)
        separators = np.flatnonzero((held == COMMA) & outside)
        self._check_lengths(held, ends, separators)
        self._check_widths(held, ends, separators)
        self._offset += len(chunk)
        self._line += int(np.count_nonzero(held == NEWLINE))

    def end(self) -> None:
        """Checks the last line, which need not end."""
        if self._decoder.getstate()[0]:
            self._refuse(b"", 0, "a letter that is cut in the middle; save the file as UTF-8")
        if self._quoted:
            self._unclosed(self._opened)
        if self._length or self._separators:
            self._note([self._line], [self._separators + 1])
        if self._ragged:
            said = "; ".join(f"line {line} has {fields}" for line, fields in self._ragged[:NAMED])
            more = f" (and {len(self._ragged) - NAMED} or more)" if len(self._ragged) > NAMED else ""
            raise DataInvalid(f"{self._label}: every line must have the header's {self._width} fields: {said}{more}.")

    def _check_characters(self, chunk: bytes) -> None:
        at = chunk.find(NUL)
        if at >= 0:
            self._refuse(chunk, at, "a NUL byte, which no text holds")
        try:
            if not chunk.isascii() or self._decoder.getstate()[0]:
                self._decoder.decode(chunk)
        except UnicodeDecodeError as wrong:
            self._refuse(
                chunk, max(wrong.start, 0), "bytes that are not UTF-8 (Latin-1 perhaps); save the file as UTF-8"
            )

    def _refuse(self, chunk: bytes, at: int, what: str) -> None:
        line = self._line + chunk.count(b"\n", 0, at)
        raise DataInvalid(f"{self._label}: line {line}, byte {self._offset + at}: holds {what}.")

    def _outside(self, held: NDArray[np.uint8]) -> Mask:
        """Which bytes are not within quotes; a doubled quote ends one quoted stretch and begins the next."""
        quotes = np.flatnonzero(held == QUOTE)
        if not len(quotes):
            return np.full(len(held), not self._quoted)
        turn = (np.arange(len(quotes)) + self._quoted) % 2 == 0
        opening, closing = quotes[turn], quotes[~turn]
        before = np.where(opening > 0, held[opening - 1], NEWLINE)
        after = held[np.minimum(closing + 1, len(held) - 1)]
        strange = [opening[~np.isin(before, _BLANK_BEFORE)], closing[~np.isin(after, _BLANK_BEFORE)]]
        firsts = [int(places[0]) for places in strange if len(places)]
        if firsts:
            first = min(firsts)
            earlier = opening[opening <= first]  # a quote that closes wrongly was opened wrongly
            self._unclosed(self._line_of(held, int(earlier[-1]) if len(earlier) else None))
        inside = ((np.cumsum(held == QUOTE, dtype=np.uint8) & 1) ^ np.uint8(self._quoted)).astype(bool)
        if len(opening):
            self._opened = self._line_of(held, int(opening[-1]))
        self._quoted = int(inside[-1])
        return ~inside

    def _line_of(self, held: NDArray[np.uint8], at: int | None) -> int:
        return self._opened if at is None else self._line + int(np.count_nonzero(held[:at] == NEWLINE))

    def _unclosed(self, line: int) -> None:
        raise DataInvalid(f"{self._label}: line {line}: a quote is opened and not closed where its field ends.")

    def _check_lengths(self, held: NDArray[np.uint8], ends: Places, separators: Places) -> None:
        edges = np.sort(np.concatenate([[-1 - self._length], ends, separators, [len(held)]]))
        long = np.flatnonzero(np.diff(edges) - 1 > LONGEST_FIELD)
        if len(long):
            if self._quoted and long[0] == len(edges) - 2:
                self._unclosed(self._opened)
            line = self._line_of(held, max(int(edges[long[0]]) + 1, 0))
            raise DataInvalid(f"{self._label}: line {line}: a field is longer than {LONGEST_FIELD:,} bytes.")
        self._length = int(len(held) - edges[-2] - 1)

    def _check_widths(self, held: NDArray[np.uint8], ends: Places, separators: Places) -> None:
        passed = np.searchsorted(separators, ends)
        fields = np.diff(passed, prepend=0) + 1
        lengths = np.diff(ends, prepend=-1) - 1
        if len(ends):
            fields[0] += self._separators
            self._separators = 0
        self._separators += int(len(separators) - (passed[-1] if len(ends) else 0))
        blank = (lengths == 0) & (fields == 1)
        self.blank |= bool(blank.any())
        wrong = np.flatnonzero((fields != self._width) & ~blank)[:TOLD]
        starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
        self._note([self._line_of(held, int(starts[one])) for one in wrong], fields[wrong].tolist())

    def _note(self, lines: list[int], fields: list[int]) -> None:
        self._ragged += [(line, count) for line, count in zip(lines, fields, strict=True) if count != self._width]
        if len(self._ragged) >= TOLD:
            self._length = self._separators = 0
            self.end()
