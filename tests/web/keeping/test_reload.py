"""A reload ends well only when every new process is ready, and says otherwise what is in its way."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from assay.settings import settings_for
from assay.web.keeping.children import Child, Starter
from assay.web.keeping.reload import Reload
from assay.web.server import bind, plan_of
from tests import tiny
from tests.web.running import eventually

FAR_US = 1 << 60


def begun(folder: Path, home: Path, listening: int = 0, text: str = "") -> Reload:
    """A reload that finds this in assay.toml, where nothing was before."""
    told = {"home": str(home), "port": 0}
    running = plan_of(settings_for(folder, **told))
    if text:
        (folder / "assay.toml").write_text(text)
    return Reload(Starter(str(folder), json.dumps(told), listening), running)


def heard(children: list[Child]) -> None:
    for child in children:
        while child.report is None and child.hear():
            pass


def ended(reload: Reload) -> None:
    for child in reload.children:
        child.tell(signal.SIGKILL)
        eventually(child.gone)


def test_it_goes_on_until_every_new_process_is_ready(tmp_path: Path) -> None:
    with tiny.opened(tmp_path / "home"), bind("127.0.0.1", 0) as listening:
        reload = begun(tiny.application(), tmp_path / "home", listening.fileno())
        assert reload.step(0) is None
        heard(reload.children)
        assert reload.step(0) is None
        assert len(reload.web) == 1
        assert reload.step(0) is None
        heard(reload.web)
        assert reload.step(0) == ""
        ended(reload)


@pytest.mark.parametrize(("text", "said"), [("workrs = 1", "workers"), ('host = "127.0.0.2"', "the port")])
def test_settings_that_are_wrong_or_would_move_the_server_are_refused(tmp_path: Path, text: str, said: str) -> None:
    reload = begun(tmp_path, tmp_path / "home", text=text)
    heard(reload.children)
    assert said in str(reload.step(0))
    ended(reload)


def test_a_new_process_that_cannot_start_is_the_reason(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("x = 1")
    with bind("127.0.0.1", 0) as listening:
        reload = begun(tmp_path, tmp_path / "home", listening.fileno())
        heard(reload.children)
        assert reload.step(0) is None
        heard(reload.web)
        assert "no assay.Model" in str(reload.step(0))
        ended(reload)


def test_it_does_not_wait_for_ever(tmp_path: Path) -> None:
    reload = begun(tmp_path, tmp_path / "home")
    assert "ten minutes" in str(reload.step(FAR_US))
    ended(reload)
