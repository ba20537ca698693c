"""Names that say what is inside: no junk drawers, and each module opens with a sentence about itself."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.tree import PROGRAMS, ROOT, Module, files, modules

JUNK_DRAWERS = frozenset(
    "utils util utilities helpers helper common core base manager managers misc stuff new tmp temp".split()
)
READERS_OF_OLD_FORMATS = ("formats", "old")


def junk(path: Path) -> set[str]:
    """The words of a path that refuse to say what is inside."""
    parts = [part.removesuffix(".py") for part in path.parts]
    words = {word for part in parts for word in part.lower().split("_")}
    second = {part for part in parts if re.search("[a-z]2$", part)}
    old = {"old"} & words if not set(READERS_OF_OLD_FORMATS) <= set(parts) else set()
    return (words & JUNK_DRAWERS) | second | old


def sentences(docstring: str) -> int:
    """How many sentences the first paragraph has; 0 where it does not end as one."""
    paragraph = " ".join(docstring.strip().split("\n\n")[0].split())
    if not paragraph.endswith((".", "?", "!")) or " " not in paragraph:
        return 0
    return 1 + len(re.findall(r"(?<!e\.g)(?<!i\.e)[.?!] (?=[A-Z])", paragraph))


def test_no_file_has_a_name_that_hides_its_content() -> None:
    ours = [path.relative_to(ROOT) for path in files() if path.relative_to(ROOT).parts[0] in PROGRAMS]
    assert {path.as_posix(): junk(path) for path in ours if path.suffix == ".py" and junk(path)} == {}


@pytest.mark.parametrize("module", modules(*PROGRAMS), ids=lambda module: module.place)
def test_a_module_opens_with_one_sentence_that_says_what_it_is(module: Module) -> None:
    docstring = ast.get_docstring(module.tree)
    assert docstring, "no docstring"
    assert sentences(docstring) == 1, docstring


@pytest.mark.parametrize("name", ["store/utils.py", "web/rest_helpers.py", "client/proxy2.py", "core/x.py", "x_old.py"])
def test_a_junk_drawer_is_recognised(name: str) -> None:
    assert junk(Path(name))


@pytest.mark.parametrize("name", ["store/versions.py", "recipes/skl2onnx.py", "store/formats/old/v1.py", "x/r0002.py"])
def test_an_honest_name_is_left_alone(name: str) -> None:
    assert not junk(Path(name))


def test_two_sentences_are_told_from_one() -> None:
    assert sentences("What one is.") == 1
    assert sentences("What one is, e.g. This.\n\nAnd more. Much more.") == 1
    assert sentences("What one is. What it does.") == 2
    assert sentences("todo") == 0
