"""The demands on the service, one test each, of the application on a real server."""

from __future__ import annotations

import http.client
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from assay.app import Assay
from tests.promises.servers import Server, serving

HERE = Path(__file__).parent
WATCHED = ("control_00.flac", "control_01.flac", "control_02.flac")
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

pytestmark = [pytest.mark.xdist_group("server"), pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The application with a version that has learnt from few recordings, and a folder of files to be watched."""
    application = tmp_path_factory.mktemp("phrases") / "recordings"
    shutil.copytree(HERE, application, ignore=shutil.ignore_patterns(".assay", "__pycache__", "test_*"))
    watched = application.parent / "watched"
    watched.mkdir()
    for name in WATCHED:
        shutil.copy(HERE / "control" / name, watched)
    assay = Assay.at(application)
    try:
        from assay.training.run import Plan

        run = assay.train(assay.application.model(None), HERE / "control", Plan(only=("layers",), promote=False))
        assert [one.error for one in run.versions] == [""]
        assay.promote("phrases", run.versions[0].number, by="a test")
    finally:
        assay.close()
    return application


@pytest.fixture(scope="module")
def server(trained: Path) -> Iterator[Server]:
    told = {"job_workers": 1, "data": str(trained.parent / "watched"), "look_interval_s": 0.5}
    with serving(trained / ".assay", application=trained, told=told) as running:
        until(lambda: sorted(call(running, "/files")[1]) == sorted(WATCHED))
        until(lambda: all(scored(running, name) for name in WATCHED))
        yield running


def call(server: Server, path: str, method: str = "GET") -> Any:
    """Status and JSON of what came back."""
    answer = server.ask(path, method=method)
    return answer.status, answer.json if answer.body else None


def until(holds: Callable[[], bool], seconds: float = 180) -> None:
    """Waits until it holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.3)


def scored(server: Server, name: str) -> bool:
    """Whether a file has confidences."""
    status, told = call(server, f"/files/{quote(name)}")
    return bool(status == 200 and told["status"] == "scored")


def upload(server: Server, name: str, data: bytes) -> int:
    """The status of an upload."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("PUT", f"/files/{quote(name)}", data, {"Content-Type": "application/octet-stream"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def test_the_names_of_all_files_are_listed(server: Server) -> None:
    assert call(server, "/files") == (200, list(WATCHED))
    assert call(server, "/files?limit=2&after=control_00.flac") == (200, list(WATCHED[1:]))


def test_a_file_has_its_length_and_the_latest_confidences_in_the_shape_that_was_asked_for(server: Server) -> None:
    status, told = call(server, "/files/control_00.flac")
    assert (status, told["file"]) == (200, "control_00.flac")
    assert told["duration"] == told["duration_seconds"] > 5
    seconds = int(told["duration"])
    assert len(told["confidences"]) == seconds * len(WORDS), "one a second and utterance"
    assert set(told["confidences"][0]) == {"utterance", "time", "confidence"}
    assert {one["time"] for one in told["confidences"]} == set(range(seconds))
    assert all(0 <= one["confidence"] <= 1 for one in told["confidences"])
    assert told["version"] == 1


def test_confidences_are_narrowed(server: Server) -> None:
    everything = call(server, "/files/control_00.flac/confidences")[1]["confidences"]
    sure = call(server, "/files/control_00.flac/confidences?min_confidence=0.5")[1]["confidences"]
    assert sure == [one for one in everything if one["confidence"] >= 0.5]
    word = call(server, "/files/control_00.flac/confidences?utterance=seven&from_s=1&to_s=4")[1]["confidences"]
    assert [(one["utterance"], one["time"]) for one in word] == [("seven", 1), ("seven", 2), ("seven", 3)]
    assert {(one["model"], one["version"]) for one in everything} == {("phrases", 1)}


@pytest.mark.parametrize("wrong", ["min_confidence=2", "min_confidence=nan", "version=0", "from_s=-1"])
def test_a_wrong_parameter_is_refused(server: Server, wrong: str) -> None:
    assert call(server, f"/files/control_00.flac/confidences?{wrong}")[0] == 422


def test_an_unknown_file_is_not_found(server: Server) -> None:
    assert call(server, "/files/nobody.wav")[0] == 404
    assert call(server, "/files/nobody.wav/confidences")[0] == 404


def test_a_file_is_added_on_demand_scored_at_once_and_forgotten(server: Server) -> None:
    data = (HERE / "control" / "control_05.flac").read_bytes()
    name = "../" + 'a "name" <b>.flac'
    assert upload(server, name, data) == 422, "a name is no path"
    assert upload(server, "a new one.flac", data) == 201
    assert upload(server, "a new one.flac", data) == 200, "the same bytes again are the same file"
    until(lambda: scored(server, "a new one.flac"))
    assert call(server, f"/files/{quote('a new one.flac')}", "DELETE")[0] == 204
    assert call(server, f"/files/{quote('a new one.flac')}")[0] == 404


@pytest.mark.parametrize("data", [b"", b"RIFF\x00\x00\x00\x00WAVE", b"<html>" * 100, b"PK\x03\x04" * 50])
def test_what_is_no_recording_is_refused(server: Server, data: bytes) -> None:
    assert upload(server, "strange.wav", data) in (415, 422)
    assert call(server, "/files/strange.wav")[0] == 404


def test_a_corrupt_file_in_the_folder_stops_nobody(server: Server, trained: Path) -> None:
    watched = trained.parent / "watched"
    (watched / "broken.wav").write_bytes(b"RIFF\xff\xff\xff\xffWAVEfmt ")
    shutil.copy(HERE / "control" / "control_06.flac", watched / "late.flac")
    until(lambda: scored(server, "late.flac"))
    assert "broken.wav" not in call(server, "/files")[1]


def test_the_sweep_says_how_far_it_is(server: Server) -> None:
    status, told = call(server, "/sweep")
    assert status == 200
    (one,) = told
    assert (one["model"], one["version"], one["failed"]) == ("phrases", 1, 0)
    assert 0 < one["scored"] <= one["files"]


def test_a_new_version_scores_every_file_again_at_once_and_the_old_scores_are_kept(
    server: Server, trained: Path
) -> None:
    before = call(server, "/files/control_00.flac")[1]
    assay = Assay.at(trained)
    try:
        from assay.training.run import Plan

        model = assay.application.model(None)
        run = assay.train(model, HERE / "control", Plan(only=("layers",), promote=False))
        number = run.versions[0].number
        assay.promote("phrases", number, by="a test")
    finally:
        assay.close()
    until(lambda: all(call(server, f"/files/{name}")[1]["version"] == number for name in WATCHED))
    old = call(server, "/files/control_00.flac/confidences?version=1")[1]["confidences"]
    assert [one["confidence"] for one in old] == [one["confidence"] for one in before["confidences"]]


def test_the_documentation_shows_the_calls(server: Server) -> None:
    document = call(server, "/openapi.json")[1]
    assert {"/files", "/files/{name}", "/files/{name}/confidences", "/sweep"} <= set(document["paths"])
    assert json.dumps(document).count("duration_seconds")
