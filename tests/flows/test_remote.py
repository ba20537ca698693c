"""The inference module is a remote model, and the version that asks it tells what the version in this process tells.

The store's kind is no part of it: what is compared are answers.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import numpy as np
import pytest

from assay.app import Assay
from assay.domain.version import Version
from assay.errors import QuestionInvalid, RemoteModelRefused
from assay.serving.predict import confidences
from assay.training.run import Plan
from tests import heard, inference
from tests.inference import Inference

pytestmark = pytest.mark.xdist_group("server")

RECIPES = '''

def asking(target: str) -> Any:
    """The inference module, by one spelling of its route."""
    from assay.recipes.remote import remote

    return remote(f"http://127.0.0.1:PORT{target}", response={"label": "phrase"}, retries=0, timeout_s=20)


@notes.recipe
def by_path() -> Any:
    """Everything, asked by the path."""
    return asking("/api/detect/{label}/{audio}?min_confidence=0")


@notes.recipe
def by_query() -> Any:
    """Everything, asked by parameters."""
    return asking("/api/detect/?utterance={label}&audio_loc={audio}&min_confidence=0")


@notes.recipe
def by_other_query() -> Any:
    """What is sure, asked by the parameter's other name."""
    return asking("/api/detect/?utterance={label}&audio_path={audio}")
'''


@dataclass(frozen=True)
class Flow:
    """A trained application, the inference module that answers by its first version, and versions that ask that."""

    assay: Assay
    module: Inference
    asking: dict[str, Version]
    digests: list[str]
    sound: Path

    def told(self, number: int) -> Any:
        """float32 [all seconds, labels]: what a version says of every recording, one after the other."""
        loaded = self.assay.loader.load(self.assay.versions.find("notes", number))
        return np.concatenate(confidences(loaded, [loaded.reader.take({"audio": one}) for one in self.digests]))


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flow]:
    place, port = tmp_path_factory.mktemp("flow"), inference.free_port()
    folder = place / "app"
    shutil.copytree(heard.application(), folder, ignore=shutil.ignore_patterns("__pycache__"))
    with (folder / "model.py").open("a") as model:
        model.write(RECIPES.replace("PORT", str(port)))
    with inference.answering(
        heard.application(), folder / ".assay", "--audio-root", str(folder / "sound"), port=port
    ) as found:
        assay = Assay.at(folder)
        try:
            only = ("by-path", "by-query", "by-other-query")
            run = assay.train(assay.application.model("notes"), folder / "sound", Plan(only=only, promote=False))
            digests = [assay.artifacts.put(file.read_bytes()) for file in _recordings(folder / "sound")]
            asking = {one.recipe: one for one in run.versions}
            yield Flow(assay, found, asking, digests, folder / "sound")
        finally:
            assay.close()


def _recordings(folder: Path) -> list[Path]:
    """Those that were learnt from, and some in which a second is not one note or none."""
    draw = np.random.default_rng(11)
    for place in range(4):
        samples = sum(draw.random() * heard.tones([note] * 5) for note in heard.LABELS) * 0.4 + draw.normal(
            0, 900, 40_000
        )
        heard.write_wave(folder / f"mixed_{place}.wav", samples.astype("<i2"))
    return sorted(folder.glob("*.wav"))


@pytest.mark.parametrize("recipe", ["by-path", "by-query"])
def test_both_give_the_same_scores_to_the_last_bit(flow: Flow, recipe: str) -> None:
    own = flow.told(heard.DRAWN)
    assert own.shape == (12 * 4 + 4 * 5, 3)
    assert len(np.unique(own)) > 80
    assert flow.told(flow.asking[recipe].number).tobytes() == own.tobytes()


@pytest.mark.parametrize("recipe", ["by-path", "by-query"])
def test_both_are_judged_the_same(flow: Flow, recipe: str) -> None:
    made, own = flow.asking[recipe], flow.assay.versions.find("notes", heard.DRAWN)
    assert (made.status, made.engine) == ("ready", "remote")
    assert made.metrics == pytest.approx(own.metrics, rel=1e-6)


def test_what_is_told_of_sure_seconds_only_is_nothing_for_the_others(flow: Flow) -> None:
    own, told = flow.told(heard.DRAWN), flow.told(flow.asking["by-other-query"].number)
    np.testing.assert_array_equal(told, np.where(own > np.float32(0.9), own, np.nan))
    assert np.isnan(told).any()
    assert flow.asking["by-other-query"].metrics["average_precision"] > 0.9


def test_it_answers_a_client_as_any_version_does(flow: Flow) -> None:
    body = msgspec.json.encode({"audio": flow.digests[0]})
    own = flow.assay.predict("notes", body, heard.DRAWN)[0]
    told = flow.assay.predict("notes", body, flow.asking["by-path"].number)[0]
    assert told.prediction == own.prediction
    with pytest.raises(QuestionInvalid, match="upload it first"):
        flow.assay.predict("notes", msgspec.json.encode({"audio": "0" * 64}), flow.asking["by-path"].number)


# ---- the module itself


def test_the_module_tells_what_the_assignment_shows(flow: Flow) -> None:
    status, told = flow.module.ask("/api/detect/low/tone_00.wav")
    assert status == 200
    assert told
    assert all(set(one) == {"phrase", "time", "confidence"} and one["phrase"] == "low" for one in told)
    assert all(type(one["time"]) is int and 0.9 < one["confidence"] <= 1 for one in told)
    status, whole = flow.module.ask("/api/detect/low/tone_00.wav?min_confidence=0")
    assert [one["time"] for one in whole] == [0, 1, 2, 3]
    assert [one for one in whole if one["confidence"] > 0.9] == told


def test_all_spellings_of_the_route_are_one(flow: Flow) -> None:
    file = flow.sound / "tone_03.wav"
    coded = quote(str(file), safe="")
    spellings = [
        "/api/detect/high/tone_03.wav", f"/api/detect/high/{coded}", f"/api/detect/high/{file}",
        "/api/detect/?utterance=high&audio_loc=tone_03.wav", f"/api/detect/?utterance=high&audio_path={coded}",
    ]  # fmt: skip
    answers = [flow.module.ask(one + ("&" if "?" in one else "?") + "min_confidence=0") for one in spellings]
    assert all(one == answers[0] and one[0] == 200 and len(one[1]) == 4 for one in answers)


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/api/detect/LOW/tone_00.wav", 404), ("/api/detect/low/tone_99.wav", 404), ("/api/detect/low/", 404),
        ("/api/detect/low/../model.py", 404), ("/api/detect/low/..%2F..%2Fmodel.py", 404),
        ("/api/detect/low/%2Fetc%2Fpasswd", 404), ("/api/detect/low//etc/passwd", 404), ("/api/detect/low/link.wav", 404),
        ("/api/detect/low/round.wav", 404), ("/api/detect/low/%00", 404), ("/api/detect/low/" + "a" * 5_000, 404),
        ("/api/detect/low/utterances.csv", 422), ("/api/detect/low/tone_00.wav?min_confidence=2", 422),
        ("/api/detect/?utterance=low", 422), ("/api/detect/?utterance=low&audio_loc=tone_00.wav&audio_path=x", 422),
        ("/api/detect/?audio_loc=tone_00.wav", 422),
    ],
)  # fmt: skip
def test_what_is_unknown_or_not_to_be_read_is_not_found(flow: Flow, target: str, status: int) -> None:
    link, round_ = flow.sound / "link.wav", flow.sound / "round.wav"
    if not link.is_symlink():
        heard.record(flow.sound.parent / "outside.wav", ["low"])
        link.symlink_to(flow.sound.parent / "outside.wav")
        round_.symlink_to(round_)
    assert flow.module.ask(target)[0] == status


def test_its_documentation_needs_nothing_from_elsewhere(flow: Flow) -> None:
    status, page = flow.module.ask("/docs")
    assert status == 200
    assert b"http" not in page.replace(b"http-equiv", b"")
    assert flow.module.ask("/docs/swagger-ui-bundle.js")[0] == 200
    assert flow.module.ask("/docs/secret.js")[0] == 404
    assert set(flow.module.ask("/openapi.json")[1]["paths"]) == {"/api/detect/", "/api/detect/{utterance}/{audio_loc}"}


def test_a_page_of_another_host_cannot_ask_it(flow: Flow) -> None:
    assert flow.module.ask("/api/detect/low/tone_00.wav", host="evil.example.org")[0] == 400


def test_a_recording_that_changes_is_heard_anew(flow: Flow) -> None:
    file = heard.record(flow.sound / "changing.wav", ["low", "low"])
    assert len(flow.module.ask("/api/detect/low/changing.wav")[1]) == 2
    file.unlink()
    heard.record(file, ["low", "high", "high"])
    assert len(flow.module.ask("/api/detect/low/changing.wav")[1]) == 1
    assert len(flow.module.ask("/api/detect/high/changing.wav")[1]) == 2


def test_it_never_asks_itself_and_follows_who_rules(flow: Flow) -> None:
    """Its answers come from the version in this process that ruled last, also while one rules that asks it."""
    before = flow.module.ask("/api/detect/low/tone_00.wav?min_confidence=0")
    flow.assay.promote("notes", flow.asking["by-path"].number, by="a test")
    assert flow.module.ask("/api/detect/low/tone_00.wav?min_confidence=0") == before
    flow.assay.promote("notes", heard.PLAIN, by="a test")
    after = flow.module.ask("/api/detect/low/tone_00.wav?min_confidence=0")
    assert after[0] == 200
    assert after != before
    assert flow.told(flow.asking["by-path"].number).tobytes() == flow.told(heard.PLAIN).tobytes()
    flow.assay.promote("notes", heard.DRAWN, by="a test")
    assert flow.module.ask("/api/detect/low/tone_00.wav?min_confidence=0") == before


def test_without_a_version_it_says_what_to_do(tmp_path: Path) -> None:
    import subprocess

    folder = heard.write(tmp_path / "app")
    ran = subprocess.run(
        inference.command(folder, folder / ".assay", 0), capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 1
    assert f"assay train {folder}" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_what_it_may_not_read_it_does_not_know(tmp_path: Path, flow: Flow) -> None:
    asking = flow.assay.loader.load(flow.asking["by-path"])
    lost = heard.write_wave(tmp_path / "lost.wav", heard.tones(["low"]))
    engine: Any = asking.engine
    with pytest.raises(RemoteModelRefused, match="404"):
        engine.detect(lost, 1)
