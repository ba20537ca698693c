"""A server of the application that hears tones, which nobody has trained yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from assay.app import Assay
from tests import heard
from tests.web.running import Running, serving

API = '''"""Routes of the application's own."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from model import files

router = APIRouter()


@router.get("/files")
async def names(limit: int = 100, after: str = "") -> list[str]:
    """Names of files."""
    return await files.names(limit, after)


@router.get("/files/{name:path}")
async def one(name: str) -> dict[str, Any]:
    """One file."""
    item = await files.get(name)
    scores = await files.scores(name)
    return {"file": item.name, "duration": item.sound.duration_s, "models": [one.model for one in scores]}


@router.get("/failures/{name:path}")
async def failures(name: str) -> list[list[Any]]:
    """Why a file has no scores."""
    return [[one.version, one.code, one.error] for one in await files.failures(name)]


@router.delete("/files/{name:path}", status_code=204)
async def delete(name: str) -> None:
    """Deletes one."""
    await files.delete(name)


@router.get("/sweep")
async def sweep() -> list[str]:
    """Which versions answer."""
    return [one.model for one in await files.sweep()]
'''


@contextmanager
def untrained(home: Path, **told: Any) -> Iterator[Assay]:
    """The application of which no version answers yet, with routes of its own."""
    folder = heard.write(home.parent / "heard")
    (folder / "api.py").write_text(API, encoding="utf-8")
    made = Assay.at(folder, home=home, **told)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def hearing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server for all tests of a module, which leave no item behind."""
    with serving(tmp_path_factory.mktemp("hearing") / "home", opened=untrained, max_upload_bytes=1 << 20) as running:
        yield running
