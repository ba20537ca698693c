"""The child's side of `columnar.py`: decodes one Parquet file under limits, and ends."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import polars as pl

from assay.errors import DataInvalid
from assay.sources.columnar import REFUSED, TIMEOUT_S

MOST_COLUMNS = 1000
OWN_BYTES = 2 << 30  # address space that the library takes before it has read anything
_BYTES = {pl.Boolean: 1, pl.Int8: 1, pl.UInt8: 1, pl.Int16: 2, pl.UInt16: 2, pl.Int32: 4, pl.UInt32: 4, pl.Float32: 4}
_VIEW = 16  # a text's place in memory, its characters not counted


def decode(source: Path, target: Path, decoded_bytes: int) -> None:
    """Writes the rows as an Arrow file; raises DataInvalid before decoding what the footer says is too large."""
    lazy = pl.scan_parquet(source)
    schema = lazy.collect_schema()
    if len(schema) > MOST_COLUMNS:
        raise DataInvalid(f"there are {len(schema):,} columns; at most {MOST_COLUMNS:,} are read.")
    height = int(lazy.select(pl.len()).collect().item())
    needed = height * sum(_width(kind) for kind in schema.dtypes())
    if needed > decoded_bytes:
        raise DataInvalid(
            f"its {height:,} rows of {len(schema)} columns unpack to about {needed:,} bytes; the limit is {decoded_bytes:,}."
        )
    rows = pl.read_parquet(source)
    if rows.estimated_size() > decoded_bytes:
        raise DataInvalid(f"its rows unpack to {rows.estimated_size():,} bytes; the limit is {decoded_bytes:,}.")
    rows.write_ipc(target)


def _width(kind: pl.DataType) -> int:
    if kind == pl.String or kind.is_nested() or kind == pl.Binary:
        return _VIEW
    return _BYTES.get(kind.base_type(), 8)


def bounded(value: int, hard: int) -> tuple[int, int]:
    """A limit for this process, which never asks for more than whoever started it may give."""
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    return value, value


def main() -> int:
    """Decodes what the command names; the status says how that went."""
    source, target, decoded_bytes = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    for limit, value in (
        (resource.RLIMIT_AS, OWN_BYTES + 2 * decoded_bytes), (resource.RLIMIT_CPU, TIMEOUT_S),
        (resource.RLIMIT_FSIZE, 2 * decoded_bytes), (resource.RLIMIT_CORE, 0),
    ):  # fmt: skip
        resource.setrlimit(limit, bounded(value, resource.getrlimit(limit)[1]))
    try:
        decode(source, target, decoded_bytes)
    except DataInvalid as refused:
        sys.stdout.write(str(refused))
        return REFUSED
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as wrong:
        said = (str(wrong).strip().splitlines() or [type(wrong).__name__])[0].rstrip(". ")[:200]
        sys.stdout.write(f"the file cannot be read as .parquet ({said}).")
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main())
