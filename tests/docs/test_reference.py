"""The reference is whole and true: every command, option, setting, error, route and noun is in it, and no others."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import click
import pytest

from assay import errors
from assay.settings import Settings
from tests.architecture.tree import ROOT
from tests.docs.pages import reference

NOUNS = (
    "Model", "Recipe", "Dataset", "Version", "Evaluation", "Rollout", "Prediction", "Outcome", "Item", "Job",
    "Exchange",
)  # fmt: skip
METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})


def commands(command: click.Command, path: str = "assay") -> Iterator[tuple[str, click.Command]]:
    """Every command below this one, with the words that call it."""
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from commands(inner, f"{path} {name}")
    if not command.hidden and path != "assay":
        yield path, command


def options(command: click.Command) -> set[str]:
    """The long names of a command's options."""
    shown = [each for each in command.params if isinstance(each, click.Option) and not each.hidden]
    return {name for each in shown for name in (*each.opts, *each.secondary_opts) if name.startswith("--")}


def sections(text: str) -> list[str]:
    """The pages' parts, each from one heading to the next."""
    return re.split(r"(?m)^#+ ", text)


def main() -> click.Command:
    """The command line's root."""
    from assay.cli.main import main as root

    assert isinstance(root, click.Command)
    return root


def variables() -> set[str]:
    """The environment variables that set something."""
    prefix = Settings.model_config.get("env_prefix", "")
    return {f"{prefix}{name}".upper() for name in Settings.model_fields}


def test_every_command_is_described_with_its_options() -> None:
    parts = sections(reference())
    missing = []
    for path, command in commands(main()):
        about = "\n".join(part for part in parts if re.search(rf"\b{re.escape(path)}\b", part))
        missing += [path] if not about else [f"{path} {name}" for name in sorted(options(command)) if name not in about]
    assert missing == []


def test_no_option_is_described_that_does_not_exist() -> None:
    existing = {name for _, command in commands(main()) for name in options(command)} | options(main())
    told = set(re.findall(r"`(?:assay [^`]*)?(--[a-z][a-z-]*)", reference()))
    assert told - existing - {"--help", "--version"} == set()


def test_every_setting_is_described() -> None:
    text = reference()
    assert {name for name in variables() if not re.search(rf"\b{name}\b", text)} == set()


def test_no_setting_is_described_that_does_not_exist() -> None:
    told = set(re.findall(r"\bASSAY_[A-Z0-9_]+\b", reference()))
    assert told - variables() == set()


def test_every_error_is_described() -> None:
    facts = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, errors.AssayError)]
    assert len(facts) > 10
    text = reference()
    assert {fact.code for fact in facts if fact is not errors.AssayError and f"`{fact.code}`" not in text} == set()


@pytest.mark.xdist_group("docs")
def test_every_route_is_described(openapi: dict[str, Any]) -> None:
    lines = reference().splitlines()
    routes = [
        (method.upper(), path)
        for path, methods in openapi["paths"].items()
        for method in methods
        if method in METHODS
    ]  # fmt: skip
    assert len(routes) > 5
    missing = [
        f"{method} {path}"
        for method, path in routes
        if not any(
            re.search(rf"\b{method}\b", line) and re.search(rf"{re.escape(path)}(?![\w/{{])", line) for line in lines
        )
    ]
    assert missing == []


@pytest.mark.parametrize("noun", NOUNS)
def test_the_glossary_has_an_entry_for_each_noun(noun: str) -> None:
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    assert re.search(rf"(?m)^[#|*\s-]+{noun}\b", glossary)


def test_a_command_within_a_command_is_found() -> None:
    @click.group()
    def root() -> None: ...

    @root.group()
    def inner() -> None: ...

    @inner.command()
    @click.option("--deep/--shallow")
    def innermost(deep: bool) -> None: ...

    assert [path for path, _ in commands(root)] == ["assay inner innermost", "assay inner"]
    assert options(innermost) == {"--deep", "--shallow"}
