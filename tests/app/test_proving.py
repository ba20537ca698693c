"""A promotion under the eyes of real questions, asked of a real server; what was seen is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.app import Assay
from assay.app.proving import promote_and_prove, server_url
from assay.errors import NotServing
from tests import tiny
from tests.promises.servers import serving


@pytest.fixture
def assay(tmp_path: Path) -> Iterator[Assay]:
    with tiny.opened(tmp_path / "home") as opened:
        yield opened


def test_a_switch_under_load_is_proved_and_the_report_kept(assay: Assay) -> None:
    with serving(assay.home, application=assay.application.folder, workers=2) as server:
        assert server_url(assay) == f"http://127.0.0.1:{server.port}"
        decided, proof = promote_and_prove(assay, "stone", tiny.ROUGH, by="test", reason="to see")
        assert decided.version == tiny.ROUGH
        assert proof.holds, proof.trouble
        assert set(proof.versions) == {tiny.LINEAR, tiny.ROUGH}, "it was seen before and after"
    kept = assay.verdicts.page("stone", kind="proof")
    assert [(one.version, one.against, one.outcome) for one in kept] == [(tiny.ROUGH, tiny.LINEAR, "passed")]
    assert kept[0].checks[0].detail == proof.sentence()
    assert kept[0].evidence["requests"] == proof.requests


def test_without_a_server_there_is_nothing_to_prove(assay: Assay) -> None:
    with pytest.raises(NotServing, match="No server has this home folder"):
        promote_and_prove(assay, "stone", tiny.ROUGH, by="test", reason="to see")
    assert assay.ruling("stone").version == tiny.LINEAR
