"""The child's side of `receiving.py`: reads one file under limits, and says which of its rows can be learnt from."""

from __future__ import annotations

import os
import re
import resource
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from assay.app.given.receiving import Sift, Sifted
from assay.errors import AssayError, DatasetRejected, Fault
from assay.sources.application import Application

if TYPE_CHECKING:
    from assay.training.sifting import Sifted as Rows

OPEN_FILES = 256
MOST_BROKEN = 0.05  # of the rows, by the rules of fields
MAX_FAULTS = 100
HERE = "the file"
BETWEEN = "; "  # the reasons of one row
CODES = {
    "no_rows": r"the file (is empty|holds no rows)|header is missing",
    "bad_header": r"has no name|two columns are named|must name the columns|the header is longer",
    "too_many_columns": r"are \S+ (columns|keys); at most|more than \S+ keys",
    "csv_unclosed_quote": r"quote is opened and not closed",
    "field_too_large": r"a field is longer|line \d+: is longer",
    "ragged_row": r"every line must have the header's",
    "wrong_dialect": r"seem to be separated by",
    "bad_encoding": r"UTF-16|not UTF-8",
    "invalid_string": r"NUL",
    "decoded_too_large": r"unpacks? to|takes longer than",
    "unsupported_file": r"its content is|cannot be read as \.parquet: it is (that|a pickle|a web|a tar|something else)",
    "parquet_invalid": r"as \.parquet",
    "jsonl_invalid": r"line \d+: ",
}  # of each refusal that a reader of files has for us, the word for programs


def sift(told: Sift) -> Sifted:
    """What became of the file's rows; a refusal is an answer too."""
    try:
        return _sift(told)
    except AssayError as refused:
        said = str(refused).replace(told.file, HERE).replace(told.folder, "the application").removeprefix(f"{HERE}: ")
        faults: tuple[Fault, ...] = getattr(refused, "faults", ())
        return Sifted(code=_code(said, refused), error=said[:1].upper() + said[1:], faults=faults)


def _sift(told: Sift) -> Sifted:
    from assay.sources.files import read_file
    from assay.training.sifting import Defect, sift

    model = Application.at(Path(told.folder)).model(told.model)
    rows = read_file(Path(told.file), HERE, ending=f".{told.format}")
    if model.target not in rows.columns or rows[model.target].null_count() == rows.height:
        there = ", ".join(name[:40] for name in rows.columns[:20])
        wrong = f"The column {model.target!r}, which is to be learnt, is missing or empty; there are {there}."
        raise DatasetRejected(wrong, "bad_target")
    found = sift(model, HERE, rows)
    if isinstance(found, Defect):
        about_target = repr(model.target) in found.said.partition(";")[0] and found.name == "wrong_type"
        raise DatasetRejected(found.said, "bad_target" if about_target else found.name)
    if found.broken > MOST_BROKEN * rows.height:
        raise _too_many(found, rows.height, (*model.fields, model.target))
    if not found.kept.height:
        raise DatasetRejected(f"None of the {rows.height} rows can be learnt from.", "too_few_rows")
    reasons = Counter(said for one in found.removed for said in one.reason.split(BETWEEN))
    return Sifted(rows=found.kept.height, removed=len(found.removed), reasons=dict(reasons))


def _too_many(found: Rows, rows: int, columns: tuple[str, ...]) -> DatasetRejected:
    """Names the first rows that break a field's rule; the cleaning rule may set aside any number."""
    faults = tuple(islice(_faults(found, columns), MAX_FAULTS))
    told = f"{found.broken} of {rows} rows break a field's rule, and at most {MOST_BROKEN:.0%} may; nothing was kept."
    _, row, column = faults[0].pointer.split("/")
    return DatasetRejected(f"{told} The first is row {row}: {column} {faults[0].detail}.", faults=faults)


def _faults(found: Rows, columns: tuple[str, ...]) -> Iterator[Fault]:
    for removed in found.removed:
        for said in removed.reason.split(BETWEEN):
            column, _, rule = said.partition(": ")
            if column in columns:
                held = str(removed.values.get(column))[:40]
                yield Fault(f"#/{removed.row}/{column}", f"{rule}, and holds {held!r}", "row_invalid")


def _code(said: str, refused: AssayError) -> str:
    """The word for programs that belongs to the sentence of a reader."""
    if isinstance(refused, DatasetRejected):
        return refused.kind or refused.code
    return next((code for code, pattern in CODES.items() if re.search(pattern, said)), refused.code)


def main() -> int:
    """What is told on standard input, and the answer on standard output; what the author's code prints goes nowhere."""
    memory = int(sys.argv[1])
    told = msgspec.json.decode(sys.stdin.buffer.read(), type=Sift)
    out = os.dup(1)
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device has no path worth an object
        os.dup2(nowhere.fileno(), 1)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with os.fdopen(out, "wb") as answer:
        answer.write(msgspec.json.encode(sift(told)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
