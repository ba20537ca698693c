"""The ceilings: how long a module, a function and a class may be, and how much a folder may hold."""

from __future__ import annotations

import ast
import io
import tokenize
from collections import Counter
from functools import cache

import pytest

from tests.architecture.tree import MIGRATIONS, PACKAGE, Module, own_imports, package

MODULE_LINES = 300
FUNCTION_LINES = 40
PARAMETERS = 6
METHODS = 12
MODULES_OF_A_FOLDER = 12
OWN_IMPORTS = 10

Function = ast.FunctionDef | ast.AsyncFunctionDef
BESIDE_CODE = (
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING,
    tokenize.ENDMARKER,
)  # fmt: skip

EXAMPLE = '''
class Scale:
    def weigh(self, stone, *others, unit="ct", **more):
        """What it weighs.

        In carat.
        """
        # the pan first
        pan = [
            stone,

            *others,
        ]

        return sum(pan)

    @property
    def unit(self): return "ct"
'''


@cache
def lines_with_code(text: str) -> frozenset[int]:
    """The numbers of the lines that hold more than a comment."""
    spans = [
        range(token.start[0], token.end[0] + 1)
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in BESIDE_CODE
    ]
    return frozenset(line for span in spans for line in span)


def code_lines(text: str, function: Function) -> int:
    """Lines of the function that carry code: its signature and body, without docstring, comments and blank lines."""
    docstring = function.body[0] if ast.get_docstring(function, clean=False) is not None else None
    silent = range(docstring.lineno, (docstring.end_lineno or 0) + 1) if docstring else range(0)
    own = range(function.lineno, (function.end_lineno or function.lineno) + 1)
    return sum(line in own and line not in silent for line in lines_with_code(text))


def parameters(function: Function, *, method: bool) -> int:
    """Parameters of the function, `self` and `cls` not counted."""
    named = function.args
    every = [*named.posonlyargs, *named.args, *named.kwonlyargs, named.vararg, named.kwarg]
    counted = [argument.arg for argument in every if argument is not None]
    return len(counted) - (method and counted[:1] in (["self"], ["cls"]))


def functions(module: Module) -> list[Function]:
    return [node for node in ast.walk(module.tree) if isinstance(node, Function)]


def classes(module: Module) -> list[ast.ClassDef]:
    return [node for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)]


def methods(of: ast.ClassDef) -> list[Function]:
    """The functions of a class body; the signatures of one overloaded method count once."""
    overloads = [
        node
        for node in of.body
        if isinstance(node, Function) and any("overload" in ast.unparse(mark) for mark in node.decorator_list)
    ]
    return [node for node in of.body if isinstance(node, Function) and node not in overloads]


@pytest.mark.parametrize("module", package(), ids=lambda module: module.place)
def test_a_module_stays_small_enough_to_be_read_at_once(module: Module) -> None:
    height = len(module.text.splitlines())
    assert height <= MODULE_LINES

    long = [(node.name, code_lines(module.text, node)) for node in functions(module)]
    assert [(name, lines) for name, lines in long if lines > FUNCTION_LINES] == []

    in_class = {id(node) for of in classes(module) for node in methods(of)}
    wide = [(node.name, parameters(node, method=id(node) in in_class)) for node in functions(module)]
    assert [(name, count) for name, count in wide if count > PARAMETERS] == []

    crowded = [(of.name, len(methods(of))) for of in classes(module)]
    assert [(name, count) for name, count in crowded if count > METHODS] == []


@pytest.mark.parametrize("module", package(), ids=lambda module: module.place)
def test_a_module_leans_on_few_others(module: Module) -> None:
    if module.name.split(".")[:2] == ["assay", "app"]:  # the one room that joins all parts
        return
    others = sorted(own_imports(module))
    assert len(others) <= OWN_IMPORTS, others


def test_a_folder_holds_a_dozen_modules_at_most() -> None:
    held = Counter(module.path.parent for module in package() if module.path.name != "__init__.py")
    crowded = {
        folder.relative_to(PACKAGE.parent).as_posix(): count
        for folder, count in held.items()
        if count > MODULES_OF_A_FOLDER and folder != MIGRATIONS  # migrations only ever grow in number
    }
    assert crowded == {}


def test_docstrings_comments_and_blank_lines_are_not_counted() -> None:
    scale = ast.parse(EXAMPLE).body[0]
    assert isinstance(scale, ast.ClassDef)
    weigh, unit = methods(scale)
    assert code_lines(EXAMPLE, weigh) == 6
    assert code_lines(EXAMPLE, unit) == 1


def test_every_kind_of_parameter_is_counted_except_self() -> None:
    scale = ast.parse(EXAMPLE).body[0]
    assert isinstance(scale, ast.ClassDef)
    weigh, unit = methods(scale)
    assert parameters(weigh, method=True) == 4
    assert parameters(unit, method=True) == 0
