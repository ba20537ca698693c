"""Homes of the zoo, trained once, and predictors on them as programs of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from assay.domain.given.task import PREDICT
from assay.domain.job import Job
from assay.store.work.claiming import Due
from tests import homes
from tests.asked import task
from tests.postgres import Cluster
from tests.promises.conftest import TRAIN
from tests.promises.servers import environment

ZOO = Path(__file__).parent / "zoo"
WAITED_S = 180.0
BEASTS = Due(PREDICT, "zoo")


def trained(cluster: Cluster | None, place: Path) -> Path:
    """A home in which both models answer."""
    home = homes.prepared(place / "home", cluster)
    command = [sys.executable, "-c", TRAIN, str(ZOO), str(home), "zoo", "well"]
    ran = subprocess.run(command, env=environment(home=home), capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-3000:]
    return home


def ask(kind: str = "well", seconds: float = 0.0, weight: float = 1.0) -> dict[str, Any]:
    """A question to the zoo."""
    return {"kind": kind, "weight": weight, "seconds": seconds}


def beast(kind: str = "well", seconds: float = 0.0, **told: Any) -> tuple[Job, Any]:
    """A task for the zoo."""
    return task(ask(kind, seconds), **({"model": "zoo"} | told))


@contextmanager
def predictors(
    home: Path, count: int = 1, *, unsafe: Sequence[str] = (), **told: Any
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """So many, as a supervisor starts them; what they say goes to a file beside the home."""
    watched, held = os.pipe()
    settings = {"home": str(home), "lease_s": 2.0, "model_timeout_s": 3.0} | told
    command = [sys.executable, "-m", "assay.app.tasks.predicting", str(ZOO), str(watched), json.dumps(settings)]
    started = []
    try:
        with (home.parent / "predictor.log").open("ab") as log:
            for _ in range(count):
                started.append(
                    subprocess.Popen(command, pass_fds=(watched,), stderr=log, env=environment(unsafe, home))
                )
        os.close(watched)
        yield started
    finally:
        os.close(held)
        for process in started:
            process.kill()
            process.wait()


def said(home: Path) -> list[dict[str, Any]]:
    """The whole lines that predictors have logged."""
    lines = (home.parent / "predictor.log").read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]


def until(holds: Callable[[], Any], timeout_s: float = WAITED_S) -> None:
    """Waits until it holds."""
    waited = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < waited, "it never came true"
        time.sleep(0.02)
