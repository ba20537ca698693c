"""A remote recipe learns nothing, answers where somebody lets it, and becomes a version that asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from assay.app import Assay
from assay.cli.views.examination import examine
from assay.domain.remote import Remote
from assay.errors import ApplicationInvalid, NotServing, RemoteModelAway, RemoteModelFailed
from assay.recipes.remote import remote
from assay.serving.predict import predict
from assay.training.run import Plan
from tests import endpoint, standins, tiny
from tests.endpoint import Endpoint

URL = "http://127.0.0.1:8010/api/detect/{label}/{audio}"
RECIPE = '''

@stone.recipe
def asked() -> Any:
    """Asks somebody else."""
    from assay.recipes.remote import remote

    return remote(
        "http://127.0.0.1:PORT/rows", method="POST", asks="rows", response={"at": "outputs.probabilities"},
        body={"inputs": {"CARAT": "{carat}"}}, retries=0,
    )
'''


class Said:
    """An endpoint that says half of everything."""

    def run(self, columns: dict[str, list[float]]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.array([one / 2 for one in columns["carat"]])

    def detect(self, file: Path, seconds: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        return np.array([[0.5, np.nan]] * seconds, np.float32)


def test_what_is_told_becomes_the_specification() -> None:
    made = remote(URL, response={"label": "phrase"}, unknown=[404, 410], timeout_s=3)
    assert made.remote == Remote(url=URL, response=made.remote.response, unknown=(404, 410), timeout_s=3.0)
    assert made.fit(None, None) is made


def test_what_makes_no_sense_is_the_applications_fault() -> None:
    with pytest.raises(ApplicationInvalid, match="must begin with http"):
        remote("ftp://h/{label}/{audio}")
    with pytest.raises(ApplicationInvalid, match="timeout_s"):
        remote(URL, timeout_s=0)


def test_nobody_is_asked_until_somebody_lets_it() -> None:
    made = remote(URL)
    with pytest.raises(NotServing, match=r"127\.0\.0\.1:8010"):
        made.predict(pl.DataFrame({"carat": [1.0]}))
    made.connect(Said(), Path)
    assert made.predict_proba(pl.DataFrame({"carat": [1.0, 3.0]})).tolist() == [0.5, 1.5]
    assert made.predict_recordings(["a", "b"], [1, 2]).tolist() == [[0.5, 0.0]] * 3


def test_nothing_of_it_can_be_ordered() -> None:
    with pytest.raises(ValueError, match="no hyper-parameters"):
        remote(URL).set_params(remote="http://elsewhere")


# ---- as a version


@pytest.fixture
def asking() -> Iterator[Endpoint]:
    with endpoint.listening() as found:
        yield found


@pytest.fixture
def assay(asking: Endpoint, tmp_path: Path) -> Iterator[Assay]:
    """The tiny application with a remote recipe besides its own."""
    folder = tiny.write(tmp_path / "app")
    with (folder / "model.py").open("a") as model:
        model.write(RECIPE.replace("PORT", str(asking.port)))
    opened = Assay.at(folder)
    yield opened
    opened.close()


def test_it_goes_through_training_judgement_and_registration_as_any_other(assay: Assay, asking: Endpoint) -> None:
    run = assay.train(assay.application.model(None), None)
    made = next(one for one in run.versions if one.recipe == "asked")
    assert (made.status, made.engine, made.error) == ("ready", "remote", "")
    assert made.metrics["mae"] > 0
    manifest = assay.loader.manifest(made)
    assert set(manifest.files) == {"remote", "rows"}
    assert manifest.files["remote"].format == "remote"
    assert manifest.golden.answers == ()
    loaded = assay.loader.load(made)
    assert predict(loaded, standins.asked(loaded, {"carat": 1.5}, {"carat": 2.0})) == [3.0, 4.0]
    assay.promote("stone", made.number, by="a test")
    assert assay.predict("stone", msgspec.json.encode(tiny.QUESTION | {"carat": 4.0}))[0].prediction == 8.0


def test_it_is_loaded_while_its_endpoint_is_away_and_not_given_the_word(assay: Assay, asking: Endpoint) -> None:
    made = assay.train(assay.application.model(None), None).versions
    asked = next(one for one in made if one.recipe == "asked")
    ruling = assay.ruling("stone").version
    asking.mood("status", 500)
    loaded = assay.loader.load(asked)
    with pytest.raises(RemoteModelFailed):
        predict(loaded, standins.asked(loaded, {}))
    with pytest.raises(RemoteModelAway, match="does not answer now"):
        assay.promote("stone", asked.number, by="a test")
    assert assay.ruling("stone").version == ruling
    asking.mood("good")
    assay.promote("stone", asked.number, by="a test")


def test_the_doctor_asks_it_once_and_says_where_it_is(assay: Assay, asking: Endpoint) -> None:
    asked = next(one for one in assay.train(assay.application.model(None), None).versions if one.recipe == "asked")
    assay.promote("stone", asked.number, by="a test")

    def found() -> dict[str, tuple[str, str]]:
        return {one.name: (one.state, one.found) for one in examine(assay.application.folder, {})}

    assert found()["answers of stone"] == ("ok", "version 4 (asked) answers")
    assert found()["engine"] == ("ok", f"a remote model: it asks http://127.0.0.1:{asking.port}")
    asking.mood("status", 500)
    state, said = found()["answers of stone"]
    assert state == "fail"
    assert "does not answer now" in said


def test_an_answer_that_changes_is_no_reason_to_refuse_it(assay: Assay, asking: Endpoint) -> None:
    asked = next(one for one in assay.train(assay.application.model(None), None).versions if one.recipe == "asked")
    before = assay.loader.load(asked)
    asking.mood("says", '{"outputs": {"probabilities": [7.25]}}')
    assay.loader.verify(asked)
    again = assay.loader.load(asked)
    assert predict(again, standins.asked(again, {})) == [7.25]
    assert before.contract == again.contract


def test_an_endpoint_that_is_away_fails_its_recipe_and_no_other(assay: Assay, asking: Endpoint) -> None:
    asking.mood("status", 503)
    run = assay.train(assay.application.model(None), None)
    states = {one.recipe: one.status for one in run.versions}
    assert states == {"linear": "ready", "rough": "ready", "broken": "failed", "asked": "failed"}
    assert "503" in next(one.error for one in run.versions if one.recipe == "asked")


def test_one_that_needs_what_is_not_always_there_is_trained_only_where_it_is_named(
    asking: Endpoint, tmp_path: Path
) -> None:
    folder = tiny.write(tmp_path / "app")
    with (folder / "model.py").open("a") as model:
        model.write(RECIPE.replace("PORT", str(asking.port)).replace("@stone.recipe", "@stone.recipe(by_name=True)"))
    assay = Assay.at(folder)
    stone = assay.application.model(None)
    whole = assay.train(stone, None)
    assert [one.recipe for one in sorted(whole.versions, key=lambda one: one.number)] == ["linear", "rough", "broken"]
    again = assay.train(stone, None, Plan(again=False))
    assert again.versions == []  # nothing was left to be learnt
    named = assay.train(stone, None, Plan(only=("asked",)))
    assert [(one.recipe, one.status) for one in named.versions] == [("asked", "ready")]
    assay.close()
