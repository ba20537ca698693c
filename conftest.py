"""What every test may use, ours and the examples': the tier, real data, databases, strace, and which tests share a process."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import structlog

if TYPE_CHECKING:
    from tests.postgres import Cluster

ROOT = Path(__file__).parent
TIERS = ("pr", "nightly")
MARKERS = (
    "nightly: runs with TIER=nightly only, because it takes long",
    "xdist_group(name): tests of one group run one after the other",
)


@pytest.fixture(autouse=True)
def log_as_before() -> Iterator[None]:
    """A command that is called in this process says where it logs to; the next test must not notice."""
    yield
    structlog.reset_defaults()


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known, and refuse a tier that does not exist."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    if _tier() not in TIERS:
        raise pytest.UsageError(f"There is no tier {_tier()!r}; TIER is one of {', '.join(TIERS)}.")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the long tests out of the default tier."""
    if _tier() == "nightly":
        return
    for item in items:
        if item.get_closest_marker("nightly"):
            item.add_marker(pytest.mark.skip(reason="takes long: runs with TIER=nightly"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Under `--dist loadgroup`, tests of one group stay in one process, and so do the other tests of one file.

    Without the second half each process would build a file's fixtures (a trained version, a running server) once more.
    """
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadGroupScheduling

    class ByGroupOrFile(LoadGroupScheduling):  # type: ignore[misc]  # xdist ships no types
        def _split_scope(self, nodeid: str) -> str:
            scope: str = super()._split_scope(nodeid)
            return scope.split("::", 1)[0]

    return ByGroupOrFile(config, log)


@pytest.fixture(scope="session")
def tier() -> str:
    """How much to run: `pr` (minutes) or `nightly` (the larger counts)."""
    return _tier()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real tables and recordings: $ASSAY_SHARED, or `shared` beside the repository."""
    told = os.environ.get("ASSAY_SHARED")
    if told and not Path(told).is_dir():
        raise pytest.UsageError(f"ASSAY_SHARED names {told}, which is not a folder.")
    folder = Path(told) if told else ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(
            f"needs the real tables and recordings: {folder} is not there, and ASSAY_SHARED names no other folder"
        )
    return folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A server of PostgreSQL, started for whoever asks first; `create()` gives a database of one's own."""
    from tests.postgres import Cluster, PostgresMissing  # the examples' tests do without our own folder

    try:
        made = Cluster()
    except PostgresMissing as missing:
        pytest.skip(str(missing))
    yield made
    made.close()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Which database the test is about: each in turn, unless a test is by its nature about one."""
    kind: str = request.param
    return kind


@pytest.fixture(scope="module")
def cluster(database_kind: str, request: pytest.FixtureRequest) -> Cluster | None:
    """The server of PostgreSQL, where the test is about that."""
    return request.getfixturevalue("postgres") if database_kind == "postgresql" else None


@pytest.fixture
def fresh_home(cluster: Cluster | None, tmp_path: Path) -> Iterator[Path]:
    """A home that is not made yet, and its database, empty."""
    from tests import homes

    made = homes.prepared(tmp_path / "home", cluster)
    yield made
    homes.forgotten(made)


@pytest.fixture(scope="session")
def strace() -> str:
    """The path of a strace that may trace here."""
    program = shutil.which("strace")
    if program is None:
        pytest.skip("needs strace, which is not installed")
    tried = subprocess.run([program, "-f", "-o", os.devnull, "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"needs strace, which may not trace here: {tried.stderr.strip()[-200:]}")
    return program


def _tier() -> str:
    return os.environ.get("ASSAY_TEST_TIER", "pr")
