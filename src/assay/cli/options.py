"""What the commands share: the application's folder, --home, --model and --json, checked before anything is opened."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import click

LONGEST_PATH = 4096
LONGEST_NAME = 128
MOST = 2**31 - 1

Function = Callable[..., Any]
FunctionT = TypeVar("FunctionT", bound=Function)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a command is asked to work on: the application's folder, the model's name, and how it is to answer."""

    app: Path
    model: str | None = None
    as_json: bool = False
    told: dict[str, Any] = field(default_factory=dict)


class Verb(click.Command):
    """A command that refuses an option said twice: one of the two would be lost silently."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Reads the arguments; raises UsageError."""
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        for param in self.params:
            if isinstance(param, click.Option) and not param.multiple and order.count(param) > 1:
                raise click.UsageError(f"The option {param.opts[-1]} is said {order.count(param)} times.", ctx)
        return super().parse_args(ctx, args)


class Place(click.ParamType[Path]):
    """A path, as text that a file system and a terminal can take."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path; fails with a usage error."""
        if isinstance(value, Path):
            return value
        if not value or len(value) > LONGEST_PATH or any(ord(mark) < 32 or ord(mark) == 127 for mark in value):
            self.fail(f"{_short(value)} cannot be a path.", param, ctx)
        return Path(value)


class Source(click.ParamType[str]):
    """Where rows come from: an address or `dataset:NAME` as it is, or a path, absolute because other processes read it."""

    name = "place"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The place; fails with a usage error."""
        path = Place().convert(value, param, ctx)
        address = "://" in str(value) or str(value).startswith("dataset:")
        return str(value) if address else str(path.expanduser().absolute())


class Address(click.ParamType[str]):
    """The URL of a database; what is wrong with it is said without it, as it may hold a password."""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The URL; fails with a usage error."""
        told = str(value)
        if not told.startswith(("postgresql://", "postgres://")) or len(told) > LONGEST_PATH or not told.isprintable():
            self.fail("A database is written postgresql://USER@HOST:PORT/NAME.", param, ctx)
        return told


class Name(click.ParamType[str]):
    """The name of a model, a recipe or a host."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name; fails with a usage error."""
        if not value or len(value) > LONGEST_NAME or not value.isprintable():
            self.fail(f"{_short(value)} cannot be a name.", param, ctx)
        return str(value)


def application(function: Function) -> Function:
    """Adds the argument APP, and hands what `shared` adds to the command as one `Asked`."""

    @functools.wraps(function)
    def called(*, app: Path, model: str | None = None, as_json: bool = False, **more: Any) -> Any:
        kept = {name: more.pop(name, None) for name in ("home", "database_url")}
        told = {name: value for name, value in kept.items() if value is not None}
        return function(Asked(app=app, model=model, as_json=as_json, told=told), **more)

    return click.argument("app", type=Place(), metavar="APP")(called)


def shared(function: FunctionT) -> FunctionT:
    """Adds --home, --model and --json."""
    function = json_option(function)
    function = click.option("--model", type=Name(), metavar="NAME", help="Which model, where there are several.")(
        function
    )
    return home_option(function)


def json_option(function: FunctionT) -> FunctionT:
    """Adds --json."""
    return click.option("--json", "as_json", is_flag=True, help="Answer as JSON on standard output.")(function)


def home_option(function: FunctionT) -> FunctionT:
    """Adds --home and --database."""
    about = "A PostgreSQL that holds the store.  [default: $ASSAY_DATABASE_URL, or SQLite in the home folder]"
    function = click.option("--database", "database_url", type=Address(), metavar="URL", help=about)(function)
    about = "Where all is kept.  [default: $ASSAY_HOME, or .assay in APP]"
    return click.option("--home", type=Place(), metavar="DIR", help=about)(function)


def number_argument(*, required: bool) -> Callable[[FunctionT], FunctionT]:
    """Adds the argument NUMBER, a version's."""
    shown = "NUMBER" if required else "[NUMBER]"
    return click.argument("number", type=click.IntRange(1, MOST), metavar=shown, required=required)


def _short(value: str) -> str:
    return repr(value if len(value) <= 60 else value[:60] + "...")
