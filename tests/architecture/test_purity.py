"""Purity: no hidden state, no hidden work, no pickle, no mocks, and imports that say where they go."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator

import pytest

from tests.architecture.tree import PROGRAMS, Module, imports, modules, own_imports, package

MUTATORS = frozenset("add append clear discard extend insert pop popitem remove reverse setdefault sort update".split())
MUTABLE_DISPLAYS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
MUTABLE_CALLS = frozenset("list dict set bytearray defaultdict deque Counter OrderedDict".split())
JOINED_LATE = ("assay.app", "assay.cli")  # import a room when a verb needs it, and its types for themselves only
UNSAFE_READERS = frozenset("pickle cloudpickle dill joblib marshal shelve".split())
PASSIVE = (
    ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign,
)  # fmt: skip


def mutable_names(tree: ast.Module) -> set[str]:
    """Module-level names bound to a list, a dict, a set or another container that can change."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and _is_mutable(node.value):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found.update(target.id for target in targets if isinstance(target, ast.Name))
    return found - {"__all__"}


def changes(tree: ast.Module, names: set[str]) -> Iterator[str]:
    """Where one of the names is rebound by `global` or changed in place, as `line: name`."""
    for node in ast.walk(tree):
        for name in _changed(node):
            if name in names:
                yield f"{getattr(node, 'lineno', 0)}: {name}"


def work_at_import(tree: ast.Module) -> list[int]:
    """Lines of statements that do more at import than define, bind or import."""
    return [
        node.lineno
        for index, node in enumerate(tree.body)
        if not isinstance(node, PASSIVE) and not _is_docstring(node, index) and not _is_guard(node)
    ]


@pytest.mark.parametrize("module", package(), ids=lambda module: module.place)
def test_a_module_keeps_no_state_of_its_own(module: Module) -> None:
    rebound = {name for node in ast.walk(module.tree) if isinstance(node, ast.Global) for name in node.names}
    assert rebound == set(), "a function rebinds a name of the module"

    mutable = mutable_names(module.tree)
    assert {name for name in mutable if not name.lstrip("_").isupper()} == set(), "constants are UPPER_CASE"
    assert list(changes(module.tree, mutable)) == []


@pytest.mark.parametrize("module", package(), ids=lambda module: module.place)
def test_importing_a_module_does_no_work(module: Module) -> None:
    if module.place.endswith("schema/env.py"):  # a script that the migration tool runs, never imported by us
        return
    assert work_at_import(module.tree) == []


@pytest.mark.parametrize("module", modules(*PROGRAMS), ids=lambda module: module.place)
def test_nothing_reads_a_pickle_or_mocks_our_own_code(module: Module) -> None:
    named = imports(module.tree)
    if not module.place.startswith("bench/"):  # other servers read what their authors tell them to
        assert {name for name in named if name.split(".")[0] in UNSAFE_READERS} == set()
    assert {name for name in named if name.startswith(("unittest.mock", "mock"))} == set()


@pytest.mark.parametrize("module", package(), ids=lambda module: module.place)
def test_no_module_imports_the_root_which_is_for_users(module: Module) -> None:
    assert "assay" not in own_imports(module)


@pytest.mark.parametrize("module", package(), ids=lambda module: module.place)
def test_no_import_for_types_only_hides_a_cycle(module: Module) -> None:
    for_types_only = [
        node.lineno
        for node in ast.walk(module.tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test) and _names_ours(node)
    ]
    assert for_types_only == [] or module.name.startswith(JOINED_LATE)


@pytest.mark.parametrize("module", modules("src/assay/domain"), ids=lambda module: module.place)
def test_the_domain_needs_the_standard_library_and_the_schema_library_only(module: Module) -> None:
    roots = {name.split(".")[0] for name in imports(module.tree)}
    assert roots - sys.stdlib_module_names - {"assay", "msgspec", "annotationlib"} == set()  # the last from 3.14 on


@pytest.mark.parametrize(
    "text",
    [
        "SEEN = []\ndef f(x): SEEN.append(x)",
        "SEEN = {}\ndef f(x): SEEN[x] = 1",
        "SEEN = {}\ndef f(x): del SEEN[x]",
        "SEEN: set[int] = set()\ndef f(x):\n    global SEEN\n    SEEN |= {x}",
        "from collections import defaultdict\nSEEN = defaultdict(list)\ndef f(x): SEEN.setdefault(x, 1)",
    ],
)
def test_state_that_changes_is_recognised(text: str) -> None:
    tree = ast.parse(text)
    assert mutable_names(tree) == {"SEEN"}
    assert list(changes(tree, {"SEEN"}))


def test_a_table_that_is_only_read_is_left_alone() -> None:
    tree = ast.parse("TABLE = {1: 2}\ndef f(x):\n    rows = []\n    rows.append(TABLE[x])\n    return rows")
    assert list(changes(tree, mutable_names(tree))) == []


def test_work_at_import_is_recognised() -> None:
    assert work_at_import(ast.parse('"""Doc."""\nimport os\nX = 1\nprint(X)\nfor x in []: pass\n')) == [4, 5]
    assert work_at_import(ast.parse("if TYPE_CHECKING:\n    import os\n")) == []


def _is_mutable(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        called = ast.unparse(value.func).split(".")[-1].split("[")[0]
        return called in MUTABLE_CALLS
    return isinstance(value, MUTABLE_DISPLAYS)


def _changed(node: ast.AST) -> list[str]:
    """The names that this one node changes, whatever they are bound to."""
    if isinstance(node, ast.Global):
        return node.names
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
        return _names(node.func.value)
    if isinstance(node, ast.AugAssign):
        return _names(node.target)
    if isinstance(node, ast.Assign | ast.Delete):
        return [name for target in node.targets if isinstance(target, ast.Subscript) for name in _names(target.value)]
    return []


def _names_ours(node: ast.AST) -> bool:
    return any(name.split(".")[0] == "assay" for name in imports(node))


def _names(node: ast.expr) -> list[str]:
    return [node.id] if isinstance(node, ast.Name) else []


def _is_docstring(node: ast.stmt, index: int) -> bool:
    return index == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_guard(node: ast.stmt) -> bool:
    """Choices between definitions: by platform, for types, for an absent library; and a program's own start."""
    if isinstance(node, ast.If | ast.Try):
        inner = ast.Module(body=[*node.body, *node.orelse], type_ignores=[])
        started = isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)
        return started or all(isinstance(each, (*PASSIVE, ast.Raise)) for each in inner.body)
    return False
