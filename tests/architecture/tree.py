"""The repository as the architecture tests see it: which files belong to it, and its modules as syntax trees."""

from __future__ import annotations

import ast
import shutil
import subprocess
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"
PACKAGE = SOURCE / "assay"
MIGRATIONS = PACKAGE / "store" / "schema" / "versions"  # tested as one history, from every released schema to today's
PROGRAMS = ("src", "tests", "examples", "bench", "scripts")


@dataclass(frozen=True)
class Module:
    """One Python file: its path, its text and its syntax tree."""

    path: Path
    text: str = field(repr=False)
    tree: ast.Module = field(repr=False)

    @property
    def place(self) -> str:
        """The path from the repository's root, as tests report it."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def name(self) -> str:
        """The dotted name, for a module of the package."""
        parts = self.path.relative_to(SOURCE).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def files() -> tuple[Path, ...]:
    """Every file that is, or would be, under version control."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        ).stdout.split("\0")  # fmt: skip
        found = [ROOT / name for name in listed if name]
    else:  # an unpacked archive: everything but what tools and Assay itself leave behind
        left = {".venv", ".git", ".assay", ".hypothesis", "__pycache__", "dist"}
        found = [
            path
            for path in ROOT.rglob("*")
            if not any(part in left or part.endswith(("_cache", ".egg-info")) for part in path.relative_to(ROOT).parts)
        ]
    return tuple(sorted(path for path in found if path.is_file()))


@cache
def modules(*folders: str) -> tuple[Module, ...]:
    """The Python files under these folders of the repository."""
    chosen = [
        path
        for path in files()
        if path.suffix == ".py" and path.relative_to(ROOT).as_posix().startswith(_under(folders))
    ]
    return tuple(_read(path) for path in chosen)


def package() -> tuple[Module, ...]:
    """The modules of `src/assay`."""
    return modules("src/assay")


def own_imports(module: Module) -> set[str]:
    """The modules of our own that this one imports, wherever in the file, each by its full name."""
    found: set[str] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names if alias.name.split(".")[0] == "assay")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "assay":
            found.update(_target(node.module or "", alias.name) for alias in node.names)
    return found


def imports(tree: ast.AST) -> set[str]:
    """Every module that is imported anywhere in the tree, by the name that the statement gives it."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.update((node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)))
    return found


def _target(source: str, name: str) -> str:
    inner = SOURCE.joinpath(*source.split("."), name)
    is_module = inner.with_suffix(".py").exists() or (inner / "__init__.py").exists()
    return f"{source}.{name}" if is_module else source


def _under(folders: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{folder}/" for folder in folders)


@cache
def _read(path: Path) -> Module:
    text = path.read_text(encoding="utf-8")
    return Module(path, text, ast.parse(text, filename=str(path)))
