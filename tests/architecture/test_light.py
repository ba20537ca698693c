"""The serving process stays light: what it imports brings no library of training with it."""

from __future__ import annotations

import subprocess
import sys

from tests.architecture.tree import package

HEAVY = frozenset(
    "keras lightgbm onnxmltools optuna pandas polars skl2onnx sklearn skops tensorflow torch xgboost".split()
)
ROOMS = ("assay.web", "assay.domain", "assay.store", "assay.app")
SERVING = frozenset(
    f"assay.serving.{name}" for name in "batch engines.compiled explain engines.hosts loaded predict similar".split()
)
HEAVY_BY_NATURE = frozenset(
    {
        "assay.app.comparing",
        "assay.app.keeping",
        "assay.app.learning",
        "assay.store.files.formats",
        "assay.store.schema.env",
    }
)

REPORT = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
print(*sorted({name.split(".")[0] for name in sys.modules}))
"""


def serving_modules() -> list[str]:
    """Everything that a serving process imports of ours."""
    names = [module.name for module in package()]
    rooms = [name for name in names if name.startswith(ROOMS) and not name.startswith("assay.store.schema")]
    return sorted({*rooms, *(SERVING & set(names))} - HEAVY_BY_NATURE)


def brought(*names: str) -> set[str]:
    """The top-level packages that are loaded once these modules are imported in a fresh interpreter."""
    ran = subprocess.run([sys.executable, "-c", REPORT, *names], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return set(ran.stdout.split())


def test_serving_brings_no_library_of_training() -> None:
    assert brought(*serving_modules()) & HEAVY == set()


def test_the_command_line_opens_without_a_library_of_training() -> None:
    assert brought("assay.cli.main") & HEAVY == set()


def test_a_heavy_library_would_be_noticed() -> None:
    assert "sklearn" in brought("sklearn") & HEAVY
