"""What is found can be said in JSON, with times that everybody can read."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from assay.app.experiments.found import ArmFound, ExperimentFound, ItemsFound, LabelFound, ShadowFound, Truth, told
from assay.measures.numbers import Apart

TRUTH = Truth(outcomes=3, metric=10.5, apart=Apart(value=-1.5, low=-3.0, high=0.5))
ARM = ArmFound(
    version=1, recipe="linear", wanted=0.5, asks=4, answers=6, share=0.4, low=0.1, high=0.9, as_wanted=True, errors=1,
    took_ms={"0.5": 1.25, "0.95": 2.5}, values={"0.5": 1800.0}, truth=TRUTH,
)  # fmt: skip
SHADOW = ShadowFound(
    version=7, recipe="rough", asked=3, skipped=2, reasons={"model_timeout": 2}, behind_s=25.0, pairs=3, changed=1.0,
    change={"0.5": 12.0}, took_ms={"0.5": 1.0}, values={"0.5": 1790.0}, truth=TRUTH,
)  # fmt: skip
ITEMS = tuple(
    ItemsFound(
        version=number, items=9, scored=8, covered=0.75,
        labels={"zero": LabelFound(mean=0.125, at_threshold=0.25, average_precision=0.9), "one": LabelFound(mean=None, at_threshold=None)},
    )
    for number in (1, 2)
)  # fmt: skip


def found(**more: Any) -> ExperimentFound:
    """An experiment with one of everything."""
    made: dict[str, Any] = {
        "model": "stone", "unit": "USD", "metric": "mae", "experiment": "checkout", "mode": "split", "main": 1,
        "since": 1_000_000, "until": None, "looked_from": 2_000_000, "whole": False, "arms": (ARM,), "shadows": (SHADOW,),
        "items": ITEMS,
    }  # fmt: skip
    return ExperimentFound(**(made | more))


@pytest.mark.parametrize(("until", "said"), [(None, None), (3_000_000, "1970-01-01T00:00:03.000000Z")])
def test_everything_is_told_in_json(until: int | None, said: str | None) -> None:
    read = msgspec.json.decode(msgspec.json.encode(told(found(until=until))))
    assert (read["since"], read["until"], read["looked_from"]) == (
        "1970-01-01T00:00:01.000000Z", said, "1970-01-01T00:00:02.000000Z",
    )  # fmt: skip
    assert read["arms"][0]["truth"]["apart"] == {"value": -1.5, "low": -3.0, "high": 0.5}
    assert read["shadows"][0]["reasons"] == {"model_timeout": 2}
    assert read["items"][0]["labels"]["one"] == {"mean": None, "at_threshold": None, "average_precision": None}
