"""Months of made-up stones, sound ones and ones with a planted defect, for the tests of suspicion."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

ROOT = Path(__file__).parents[3]
Plant = Callable[[pl.DataFrame], pl.DataFrame]


def loaded(file: str) -> Any:
    """A module of the diamonds application under a name of its own."""
    path = ROOT / "examples" / "diamonds" / file
    spec = importlib.util.spec_from_file_location(f"months_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MODEL = loaded("model.py").price
rows = loaded("data.py").rows


def dearer(stones: pl.DataFrame, drift: float) -> pl.DataFrame:
    """The same stones at other prices."""
    return stones.with_columns(
        pl.when(pl.col("price") > 0).then((pl.col("price") * (1 + drift)).round(0)).otherwise("price").alias("price")
    )


def times(name: str, factor: float) -> Plant:
    """One column in another unit."""
    return lambda stones: stones.with_columns(pl.col(name) * factor)


def inches(stones: pl.DataFrame) -> pl.DataFrame:
    """All sizes in inches."""
    return stones.with_columns(pl.col("x", "y", "z") / 25.4)


def mixed_up(where: pl.Expr, *, turned: bool = True) -> Plant:
    """The prices of some stones given to others of them: the highest to the cheapest, or at random."""

    def plant(stones: pl.DataFrame) -> pl.DataFrame:
        numbered = stones.with_row_index("at")
        some = numbered.filter(where)
        ranked = some["price"].rank("ordinal", descending=True).cast(pl.Int64) - 1
        given = some["price"].sort()[ranked] if turned else some["price"].shuffle(1)
        wrong = pl.DataFrame({"at": some["at"], "wrong": given})
        told = numbered.join(wrong, on="at", how="left", maintain_order="left")
        return told.with_columns(price=pl.coalesce("wrong", "price")).select(stones.columns)

    return plant


def broken(stones: pl.DataFrame) -> pl.DataFrame:
    """Every tenth stone has a cut that there is not."""
    return stones.with_columns(cut=pl.when(pl.int_range(pl.len()) % 10 == 0).then(pl.lit("?")).otherwise("cut"))


PLANTED: dict[str, tuple[str, Plant]] = {
    "x in inches": ("unit_change", times("x", 1 / 25.4)),
    "all sizes in inches": ("unit_change", inches),
    "z in centimetres": ("unit_change", times("z", 0.1)),
    "x in tenths of an inch": ("unit_change", times("x", 0.3937)),
    "x in micrometres": ("unit_change", times("x", 1000)),
    "weight in grams": ("unit_change", times("carat", 0.2)),
    "weight in fifths": ("unit_change", times("carat", 5)),
    "weight in points": ("unit_change", times("carat", 100)),
    "depth as a share": ("unit_change", times("depth", 0.01)),
    "price in cents": ("unit_change", times("price", 100)),
    "price in thousands": ("unit_change", times("price", 0.001)),
    "price in dimes": ("unit_change", times("price", 10)),
    "price as the depth": ("target_leak", lambda stones: stones.with_columns(depth=45 + pl.col("price") / 1000)),
    "price as the weight": ("target_leak", lambda stones: stones.with_columns(carat=pl.col("price").clip(1) / 2000)),
    "one price": ("target_constant", lambda stones: stones.with_columns(price=pl.lit(1000))),
    "prices of one cut turned": ("labels_flipped", mixed_up(pl.col("cut") == "Ideal")),
    "prices of a weight turned": ("labels_flipped", mixed_up(pl.col("carat").is_between(0.5, 0.99))),
    "prices shuffled": ("labels_flipped", mixed_up(pl.lit(value=True), turned=False)),
    "cuts that there are not": ("too_many_faults", broken),
}

SOUND: dict[str, Plant] = {
    "as before": lambda stones: stones,
    "8 % dearer": lambda stones: dearer(stones, 0.08),
    "30 % dearer": lambda stones: dearer(stones, 0.3),
    "30 % cheaper": lambda stones: dearer(stones, -0.3),
    "large ones only": lambda stones: stones.filter(pl.col("carat") >= 0.9),
    "small ones only": lambda stones: stones.filter(pl.col("carat") < 0.45),
    "good ones only": lambda stones: stones.filter(pl.col("cut").is_in(["Ideal", "Premium"]), pl.col("color").is_in(["D", "E"])),
    "one cut": lambda stones: stones.filter(pl.col("cut") == "Ideal"),
    "large ones, 20 % dearer": lambda stones: dearer(stones.filter(pl.col("carat") > 1), 0.2),
    "a handful": lambda stones: stones.head(5),
}  # fmt: skip
