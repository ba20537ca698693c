"""Words that do not belong in the repository, marks without a reason, and files that are too large for it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, files

LARGEST = 1 << 20
REASON = 2  # words at least


def either(*words: str) -> str:
    """One pattern for all the words; written in halves here, so that this file does not hold what it looks for."""
    return "|".join(words)


REGISTRIES = either(
    r"\bpypi" + r"\.(org|python)",
    "python" + "hosted",
    "registry" + r"\.npmjs",
    "(deb|archive)" + r"\.(debian|ubuntu)",
    r"\b(gh" + r"cr|quay|docker|crates)\.io\b",
    r"\bmcr" + r"\.microsoft",
    "(conda|repo)" + r"\.anaconda",
)
MAKING_OF = either(
    r"\bissues? " + r"#?\d",
    r"\bissues " + "(show|list)",
    r"\b(this|next|last|previous|earlier|later|another) " + r"(issue|session)\b",
    r"\bsub-?" + r"agents?\b",
    r"\bAI " + r"(agent|assistant)s?\b",
    r"\bco-authored" + "-by",
    "/work/" + "(shared|main)",
    "/tmp/" + "house",
    "shared" + "/design",
)
UNFINISHED = either(r"\bTO" + r"DO\b", r"\bFIX" + r"ME\b", r"\bXX" + r"X\b")
SILENCER = re.compile(r"#\s*(?:type:\s*ignore(?:\[[\w, -]+\])?|noqa(?::\s*[A-Z]+\d+(?:[, ]+[A-Z]+\d+)*)?)(?P<rest>.*)")


def texts() -> list[tuple[Path, str]]:
    """Every file that holds text, with its text."""
    found = []
    for path in files():
        content = path.read_bytes()
        if b"\0" not in content[:8192]:
            found.append((path.relative_to(ROOT), content.decode("utf-8", errors="replace")))
    return found


def places(pattern: str) -> list[str]:
    """Where the pattern stands, as `file:line: the line`."""
    sought = re.compile(pattern, re.IGNORECASE if pattern != UNFINISHED else 0)
    return [
        f"{path}:{number}: {line.strip()[:120]}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if sought.search(line)
    ]


def unexplained(line: str) -> bool:
    """Whether the line silences a check without saying why."""
    found = SILENCER.search(line)
    return found is not None and len(re.findall(r"[A-Za-z]{2,}", found["rest"])) < REASON


def test_no_file_names_a_package_registry() -> None:
    assert places(REGISTRIES) == []


def test_no_file_speaks_of_how_the_project_is_made() -> None:
    assert places(MAKING_OF) == []


def test_nothing_is_left_for_later() -> None:
    assert places(UNFINISHED) == []


def test_whoever_silences_a_check_says_why() -> None:
    silenced = [
        f"{path}:{number}: {line.strip()}"
        for path, text in texts()
        if path.suffix == ".py"
        for number, line in enumerate(text.splitlines(), 1)
        if unexplained(line) and path.name != "test_words.py"
    ]
    assert silenced == []


def test_no_file_is_larger_than_one_mebibyte() -> None:
    assert {
        path.relative_to(ROOT).as_posix(): path.stat().st_size for path in files() if path.stat().st_size > LARGEST
    } == {}


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (REGISTRIES, "https://" + "pypi" + ".org/simple"),
        (REGISTRIES, "FROM gh" + "cr.io/x/y"),
        (MAKING_OF, "as issue" + " 2 asks"),
        (MAKING_OF, "left to a later" + " session"),
        (UNFINISHED, "# TO" + "DO: finish"),
    ],
)
def test_a_word_that_does_not_belong_is_recognised(pattern: str, line: str) -> None:
    assert re.search(pattern, line, re.IGNORECASE)


@pytest.mark.parametrize(
    "line", ["session = Session()", "User-Agent: x", "an issue of trust", "todos are kept in a list"]
)
def test_everyday_words_are_left_alone(line: str) -> None:
    assert not re.search(either(REGISTRIES, MAKING_OF), line, re.IGNORECASE)
    assert not re.search(UNFINISHED, line)


def test_a_silenced_check_needs_words() -> None:
    assert unexplained("x = 1  # noqa: E501")
    assert unexplained("x = 1  # type: ignore[attr-defined]")
    assert not unexplained("x = 1  # type: ignore[attr-defined]  # the library ships no types")
    assert not unexplained("x = 1  # noqa: BLE001 - the last resort records it")
