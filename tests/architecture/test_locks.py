"""The lock files: every package pinned with its hashes, no index named, and in step with pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.tree import ROOT

LOCKS = ("run", "dev")
UNLOCKED = frozenset({"torch", "tensorflow"})  # whose builds differ by accelerator and weigh gigabytes
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}\b")


@dataclass(frozen=True)
class Pin:
    """One entry of a lock file: the requirement as written, and how many hashes it has."""

    requirement: Requirement
    hashes: int

    @property
    def name(self) -> str:
        """The package's name in its canonical spelling."""
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str | None:
        """The version, if the entry names exactly one."""
        (only, *others) = self.requirement.specifier or [None]
        return only.version if only is not None and only.operator == "==" and not others else None


def text(lock: str) -> str:
    return (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")


def pins(content: str) -> list[Pin]:
    """The entries of a lock file; raises InvalidRequirement on a line that is none."""
    entries = [
        line for line in content.replace("\\\n", " ").splitlines() if line.strip() and not line.strip().startswith("#")
    ]
    return [Pin(Requirement(entry.split("--hash", 1)[0].strip()), len(HASH.findall(entry))) for entry in entries]


def declared() -> dict[str, list[Requirement]]:
    """What pyproject.toml asks for, by the lock files that must hold it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project["dependency-groups"]
    optional = project["project"]["optional-dependencies"]
    extras = [each for name, extra in optional.items() if name not in UNLOCKED for each in extra]
    run = [*project["project"]["dependencies"], *extras, *groups["build"], *project["build-system"]["requires"]]
    return {"run": [Requirement(each) for each in run], "dev": [Requirement(each) for each in [*run, *groups["dev"]]]}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_pinned_with_its_hashes(lock: str) -> None:
    locked = pins(text(lock))
    assert len(locked) > 20
    assert [pin.name for pin in locked if pin.version is None] == []
    assert [pin.name for pin in locked if pin.hashes == 0] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_no_index_is_named(lock: str) -> None:
    named = [line for line in text(lock).splitlines() if re.search(r"https?:|file:|^\s*-{1,2}(?!hash=)\w", line)]
    assert named == []


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_holds_what_pyproject_asks_for(lock: str) -> None:
    locked = pins(text(lock))
    for asked in declared()[lock]:
        versions = [pin.version for pin in locked if pin.name == canonicalize_name(asked.name)]
        assert versions, f"{asked.name} is not locked: run `make lock`"
        assert [each for each in versions if each and not asked.specifier.contains(each)] == [], (
            f"{asked}: run `make lock`"
        )


def test_what_runs_in_tests_is_what_runs() -> None:
    run, dev = ({str(pin.requirement) for pin in pins(text(lock))} for lock in LOCKS)
    assert run - dev == set()


def test_a_flaw_of_a_lock_is_recognised() -> None:
    (loose,) = pins("numpy>=2\n")
    assert loose.version is None
    assert loose.hashes == 0
    (fixed,) = pins(f"numpy==2.4.6 ; sys_platform == 'linux' \\\n    --hash=sha256:{'a' * 64}\n    # via assay\n")
    assert (fixed.name, fixed.version, fixed.hashes) == ("numpy", "2.4.6", 1)
