"""A model in a child process answers, fails as a sentence, is ended when it overruns, and comes back."""

from __future__ import annotations

import importlib
import os
import resource
import time
from pathlib import Path
from typing import Any

import pytest

from assay.app import Assay
from assay.errors import ArtifactRejected, ModelFailed, ModelTimedOut
from assay.serving.engines.hosts import HostEngine, Load
from assay.store.files.formats import dump_pipeline
from tests import tiny

COLUMNS: dict[str, list[Any]] = {"carat": [1.0, 2.0], "cut": ["Ideal", "Fair"], "color": ["D", "E"]}
OPEN = Path("/proc/self/fd")
MOODY = """
import os, time
import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

class Moody(RegressorMixin, BaseEstimator):
    def predict(self, rows):
        weight = rows["carat"].to_numpy()
        if weight[0] == 13:
            raise RuntimeError("unlucky")
        if weight[0] == 14:
            time.sleep(60)
        if weight[0] == 15:
            os._exit(3)
        return 10 * weight
"""

MODEL = """
import assay
from moody_model import Moody

class Asked(assay.Input):
    carat: float = assay.Number()

model = assay.Model("moody", input=Asked, target="price", trusted=({trusted}))
"""


@pytest.fixture
def moody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """A native pipeline of a class of the author's own, which does what the weight tells it to."""
    (tmp_path / "moody_model.py").write_text(MOODY)
    (tmp_path / "model.py").write_text(MODEL.format(trusted="Moody,"))
    monkeypatch.syspath_prepend(str(tmp_path))
    moody_model = importlib.import_module("moody_model")

    trusted = ("moody_model.Moody",)
    return Load(
        contract=tiny.CONTRACT, engine="native", data=dump_pipeline(moody_model.Moody(), trusted), trusted=trusted
    )


def host(load: Load, path: Path, timeout_s: float = 20.0) -> HostEngine:
    return HostEngine(load, timeout_s=timeout_s, path=path)


def with_weight(weight: float) -> dict[str, list[Any]]:
    return COLUMNS | {"carat": [weight, 1.0]}


def test_a_class_of_the_authors_own_answers_from_its_folder(moody: Load, tmp_path: Path) -> None:
    engine = host(moody, tmp_path)
    assert list(engine.run(COLUMNS)) == [10.0, 20.0]
    assert len(engine.run({name: values * 50_000 for name, values in COLUMNS.items()})) == 100_000
    engine.close()


def test_a_class_that_only_the_file_trusts_is_refused(moody: Load, tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(MODEL.format(trusted=""))
    with pytest.raises(ArtifactRejected, match=r"moody_model\.Moody"):
        host(moody, tmp_path)


def test_a_model_that_raises_says_so_and_answers_the_next(moody: Load, tmp_path: Path) -> None:
    engine = host(moody, tmp_path)
    with pytest.raises(ModelFailed, match="RuntimeError: unlucky"):
        engine.run(with_weight(13))
    assert list(engine.run(COLUMNS)) == [10.0, 20.0]
    engine.close()


def test_a_model_that_overruns_is_ended_and_started_anew(moody: Load, tmp_path: Path) -> None:
    engine = host(moody, tmp_path, timeout_s=2.0)
    began = time.monotonic()
    with pytest.raises(ModelTimedOut, match="2 s"):
        engine.run(with_weight(14))
    assert time.monotonic() - began < 10
    assert list(engine.run(COLUMNS)) == [10.0, 20.0]
    engine.close()


def test_a_model_that_dies_takes_nobody_with_it(moody: Load, tmp_path: Path) -> None:
    engine = host(moody, tmp_path)
    with pytest.raises(ModelFailed, match="status 3"):
        engine.run(with_weight(15))
    assert list(engine.run(COLUMNS)) == [10.0, 20.0]
    engine.close()


def test_a_class_that_is_not_named_as_trusted_is_refused(moody: Load, tmp_path: Path) -> None:
    load = Load(contract=tiny.CONTRACT, engine="native", data=moody.data)
    with pytest.raises(ArtifactRejected, match="Moody"):
        host(load, tmp_path)


@pytest.mark.parametrize("engine", ["onnx", "native"])
def test_what_is_no_model_is_refused(engine: str, tmp_path: Path) -> None:
    with pytest.raises(ArtifactRejected, match="cannot be loaded"):
        host(Load(contract=tiny.CONTRACT, engine=engine, data=b"nonsense"), tmp_path)


def test_closing_ends_the_child_and_gives_the_pipes_back(moody: Load, tmp_path: Path) -> None:
    before = set(OPEN.iterdir()) if OPEN.exists() else set()
    engine = host(moody, tmp_path)
    child = engine._child
    assert child is not None
    engine.close()
    engine.close()
    assert child.poll() is not None
    if before:
        assert set(OPEN.iterdir()) <= before


def test_a_compiled_version_answers_the_same_in_a_child(assay: Assay) -> None:
    version = assay.versions.find("stone", tiny.LINEAR)
    manifest = assay.loader.manifest(version)
    load = Load(contract=tiny.CONTRACT, engine="onnx", data=assay.artifacts.get(manifest.files["graph"].sha256))
    child = HostEngine(load, timeout_s=20)
    assert list(child.run(COLUMNS)) == list(assay.loader.load(version).engine.run(COLUMNS))
    child.close()


def test_a_process_with_a_thousand_open_files_can_still_ask_a_child(moody: Load, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2048:
        pytest.skip("needs to open more than 1,024 files, and this machine does not allow it")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    busy = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        engine = host(moody, tmp_path)
        assert list(engine.run(COLUMNS)) == [10.0, 20.0]
        engine.close()
    finally:
        for one in busy:
            os.close(one)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
