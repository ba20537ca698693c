"""The mirror: every module of the package has a test module of its name at the same path."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.architecture.tree import MIGRATIONS, PACKAGE, ROOT, Module, package

MIRRORED = [module for module in package() if module.path.name != "__init__.py" and module.path.parent != MIGRATIONS]


def mirror(module: Module) -> Path:
    """Where the test of this module stands."""
    inside = module.path.relative_to(PACKAGE)
    return ROOT / "tests" / inside.parent / f"test_{inside.name}"


@pytest.mark.parametrize("module", MIRRORED, ids=lambda module: module.place)
def test_every_module_has_a_test_of_its_name(module: Module) -> None:
    beside = mirror(module)
    assert beside.exists(), f"{beside.relative_to(ROOT)} is missing"
    tests = [
        node
        for node in ast.walk(ast.parse(beside.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]
    assert tests, f"{beside.relative_to(ROOT)} tests nothing"
