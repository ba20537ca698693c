"""What a worker looks for: fresh rows that have settled, once; and switches that are young enough to be guarded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.app import Assay
from assay.app.looking import Duties
from assay.domain.job import Job
from assay.domain.releases.gate import Gate
from assay.store.items.ending import delete_name
from assay.store.paging import Window
from tests import heard, stamped, tiny


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "rows"
    made.mkdir()
    return made


@pytest.fixture
def assay(tmp_path: Path, folder: Path) -> Iterator[Assay]:
    with tiny.opened(tmp_path / "home", data=str(folder)) as opened:
        yield opened


def jobs(assay: Assay) -> list[Job]:
    return assay.jobs.page(Window()).entries


def test_rows_count_once_two_looks_have_found_them_alike(assay: Assay, folder: Path) -> None:
    duties = Duties(assay)
    duties.look_for_rows()
    assert jobs(assay) == [], "there is nothing"
    (folder / "one.csv").write_text("carat,price\n1,2\n")
    duties.look_for_rows()
    assert jobs(assay) == [], "it may still be growing"
    (folder / "one.csv").write_text("carat,price\n1,2\n3,4\n")
    duties.look_for_rows()
    assert jobs(assay) == [], "it has grown"
    duties.look_for_rows()
    made = jobs(assay)
    assert [(one.verb, one.model, one.by, one.arguments) for one in made] == [("train", None, "fresh rows", {})]


def test_of_the_same_rows_only_one_job_is_made_whoever_looks_and_how_often(assay: Assay, folder: Path) -> None:
    (folder / "one.csv").write_text("carat,price\n1,2\n")
    for duties in (Duties(assay), Duties(assay)):  # as after a restart
        for _ in range(4):
            duties.look_for_rows()
    assert len(jobs(assay)) == 1
    (folder / "two.csv").write_text("carat,price\n5,6\n")
    for _ in range(3):
        duties.look_for_rows()
    assert len(jobs(assay)) == 2


def test_rows_sent_to_a_named_dataset_are_fresh_rows_too(tmp_path: Path) -> None:
    from assay.app.given.receiving import Receiving

    with tiny.opened(tmp_path / "home", data="dataset:stones") as assay:
        duties = Duties(assay)
        receiving = Receiving(assay)
        duties.look_for_rows()
        dataset, _ = receiving.create("stones", None, "me")
        for _ in range(3):
            duties.look_for_rows()
        assert jobs(assay) == [], "it is empty"
        for weight in (1.0, 2.0):
            row = json.dumps({"carat": weight, "cut": "Ideal", "color": "E", "price": 300})
            receiving.append(dataset, f"[{row}]".encode(), "me")
            for _ in range(3):
                duties.look_for_rows()
        assert len(jobs(assay)) == 2


def test_a_place_that_cannot_be_looked_at_is_told_once_and_looked_at_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with tiny.opened(tmp_path / "home", data="sqlite:////nowhere/at/all.db", query="SELECT 1") as assay:
        duties = Duties(assay)
        for _ in range(3):
            duties.look_for_rows()
        assert jobs(assay) == []
    assert capsys.readouterr().out.count("rows_not_looked_at") == 1


def test_nothing_is_guarded_where_no_switch_is_young(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> None:
    duties = Duties(assay)
    monkeypatch.setattr("assay.app.looking.YOUNG_US", -1)
    duties.guard()
    monkeypatch.setattr(assay.versions, "models", None)  # would fail if it were asked again
    duties.guard()


def test_a_young_switch_is_looked_at(assay: Assay) -> None:
    assay.promote("stone", tiny.ROUGH, by="test")
    Duties(assay).guard()
    assert assay.verdicts.page("stone", kind="guard") == [], "its time is not over, and nothing is wrong"


def test_the_gate_is_that_which_the_version_was_made_for(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Gate] = []
    monkeypatch.setattr("assay.app.guarding.watch", lambda _assay, young, _back: seen.extend(one.gate for one in young))
    assay.promote("stone", tiny.ROUGH, by="test")
    Duties(assay).guard()
    assert seen == [assay.application.model(None).gate]


@pytest.fixture
def hearing(tmp_path: Path, folder: Path) -> Iterator[Assay]:
    """An application that keeps recordings, and watches a folder for them."""
    made = Assay.at(heard.write(tmp_path / "app"), home=tmp_path / "home", data=str(folder))
    yield made
    made.close()


def look(duties: Duties, times: int = 2) -> None:
    """Every duty, as if it were not too early for any."""
    for _ in range(times):
        duties._watched._changes._next = duties._labelled._next = 0
        for duty in duties.all():
            duty()


def test_recordings_become_items_and_are_no_rows(hearing: Assay, folder: Path) -> None:
    heard.record(folder / "one.wav", ["low", "high"])
    (folder / "rows.csv").write_text("carat,price\n1,2\n")
    look(Duties(hearing), 4)
    assert [one.name for one in hearing.items.page("files")] == ["one.wav"]
    assert jobs(hearing) == []


def test_labelled_recordings_are_learnt_from_once_all_of_them_are_there(hearing: Assay, folder: Path) -> None:
    heard.write_recordings(folder, 3)
    late = (folder / "tone_02.wav").rename(folder.parent / "late.wav")
    duties = Duties(hearing)
    look(duties, 4)
    assert jobs(hearing) == []
    late.rename(folder / "tone_02.wav")
    look(duties, 4)
    (made,) = jobs(hearing)
    assert (made.verb, made.by) == ("train", "fresh rows")
    heard.record(folder / "unlabelled.wav", ["low"])
    look(duties, 4)
    assert len(jobs(hearing)) == 1
    assert len(hearing.items.page("files")) == 4
    (folder / "utterances.csv").write_text("file,utterance,start_s,end_s\ntone_00.wav,low,0.1,0.9\n")
    look(duties, 4)
    assert len(jobs(hearing)) == 2


def test_what_was_deleted_loses_its_bytes_whoever_deleted_it(hearing: Assay, folder: Path) -> None:
    heard.record(folder / "one.wav", ["low"])
    duties = Duties(hearing)
    look(duties)
    item = hearing.items.find("files", "one.wav")
    with hearing.database.writing() as connection:
        delete_name(connection, "files", "one.wav", "somebody who died then")
    assert hearing.artifacts.path(item.digest).exists()
    look(duties)
    assert not hearing.artifacts.path(item.digest).exists()


def test_kept_items_make_a_job_as_soon_as_a_version_answers(tmp_path: Path) -> None:
    with stamped.opened(tmp_path / "scored") as assay:
        duties = Duties(assay)
        stamped.keep(assay, [1], bytes_too=False)
        duties.look_for_items()
        assert jobs(assay) == [], "nobody answers"
        stamped.rule(assay, 1)
        assert duties.look_for_items in duties.all()
        for _ in range(3):
            duties.look_for_items()
        assert [(one.verb, one.model) for one in jobs(assay)] == [("rescore", stamped.MODEL)]
