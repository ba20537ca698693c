"""A command finds the store by the settings, without the application's code, and says where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.cli.options import Asked
from assay.cli.stores import stored, told
from assay.errors import ApplicationInvalid, StoreUnavailable


def test_a_store_is_opened_though_the_application_is_broken(trained: Path, home: Path, tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("this is no python")
    with stored(Asked(app=tmp_path, told={"home": home})) as (database, place):
        assert (database.kind, place.home) == ("sqlite", home)
        assert place.artifacts().path("ab" * 32).parent.parent == home / "artifacts"


def test_where_there_is_none_none_is_made(app: Path, tmp_path: Path) -> None:
    asked = Asked(app=app, told={"home": tmp_path / "nowhere"})
    with pytest.raises(StoreUnavailable, match="There is no store in"), stored(asked):
        pass
    assert not (tmp_path / "nowhere").exists()
    assert told(asked)[1].home == tmp_path / "nowhere"


def test_a_folder_without_models_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ApplicationInvalid), stored(Asked(app=tmp_path)):
        pass
