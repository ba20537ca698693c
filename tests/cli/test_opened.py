"""The application that a command works on is opened, and given back whatever happens."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.cli.opened import opened
from assay.cli.options import Asked
from assay.errors import ModelNotFound, StoreUnavailable


def test_the_only_model_is_meant_where_none_is_named(app: Path, home: Path) -> None:
    with opened(Asked(app=app, told={"home": home})) as (assay, model):
        assert model.name == "house-price"
        assert assay.home == home


def test_a_model_that_is_not_there_is_refused_and_the_store_closed(app: Path, home: Path) -> None:
    with pytest.raises(ModelNotFound), opened(Asked(app=app, model="ships", told={"home": home})):
        pass


def test_a_store_that_is_none_is_refused(app: Path, tmp_path: Path) -> None:
    (tmp_path / "assay.db").write_bytes(b"this is no database, however long it is" * 100)
    with pytest.raises(StoreUnavailable), opened(Asked(app=app, told={"home": tmp_path})):
        pass
