"""Only what is whole, and gives its golden answers again, is loaded."""

from __future__ import annotations

import gc
from typing import Any

import msgspec
import pytest

from assay.app import Assay
from assay.domain.version import Golden, Manifest, Version
from assay.errors import ArtifactRejected, VersionRejected
from assay.serving.engines.compiled import GraphEngine
from assay.serving.engines.hosts import HostEngine
from assay.serving.loaded import LoadedVersion, Loader
from assay.serving.predict import predict
from tests import standins, tiny


def version(assay: Assay, number: int = tiny.LINEAR) -> Version:
    return assay.versions.find("stone", number)


def with_manifest(assay: Assay, **changes: Any) -> Version:
    """The version with a manifest that was changed, and honestly stored."""
    kept = version(assay)
    manifest = msgspec.structs.replace(assay.loader.manifest(kept), **changes)
    return msgspec.structs.replace(kept, manifest=assay.artifacts.put(msgspec.json.encode(manifest)))


def test_a_loaded_version_can_be_asked(linear: LoadedVersion) -> None:
    assert (linear.model, linear.number, linear.contract.model) == ("stone", tiny.LINEAR, "stone")
    assert isinstance(linear.engine, GraphEngine)
    assert predict(linear, standins.asked(linear, {}))[0] == pytest.approx(1800, abs=30)
    assert linear.rows is not None
    assert len(linear.rows) == 238


def test_questions_are_turned_on_their_side(linear: LoadedVersion) -> None:
    questions = standins.asked(linear, {"carat": 1.0, "cut": "Fair"}, {"carat": 2.0})
    assert linear.columns(questions) == {"carat": [1.0, 2.0], "cut": ["Fair", "Ideal"], "color": ["E", "E"]}


def test_a_sound_version_is_verified_in_a_process_of_its_own(assay: Assay) -> None:
    assay.loader.verify(version(assay))


@pytest.mark.parametrize("file", ["graph", "rows", "manifest"])
@pytest.mark.parametrize("verb", ["load", "verify"])
def test_a_damaged_file_is_refused_whichever_it_is(assay: Assay, file: str, verb: str) -> None:
    kept = version(assay)
    name = kept.manifest if file == "manifest" else assay.loader.manifest(kept).files[file].sha256
    path = assay.artifacts.path(name or "")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ArtifactRejected):
        getattr(assay.loader, verb)(kept)


@pytest.mark.parametrize("verb", ["load", "verify"])
def test_a_version_that_does_not_give_its_golden_answers_again_is_refused(assay: Assay, verb: str) -> None:
    golden = assay.loader.manifest(version(assay)).golden
    assert len(golden.answers) == 24
    for answers in ((golden.answers[0] + 0.1, *golden.answers[1:]), golden.answers[:-1]):
        wrong = with_manifest(assay, golden=Golden(questions=golden.questions, answers=answers))
        with pytest.raises(VersionRejected, match="golden"):
            getattr(assay.loader, verb)(wrong)


def test_without_the_check_it_would_be_loaded(assay: Assay) -> None:
    golden = assay.loader.manifest(version(assay)).golden
    wrong = with_manifest(assay, golden=Golden(questions=golden.questions, answers=golden.answers[:-1]))
    assert Loader(assay.artifacts, check_golden=False).load(wrong).number == tiny.LINEAR


def test_a_run_that_failed_has_nothing_to_load(assay: Assay) -> None:
    with pytest.raises(VersionRejected, match="out of order"):
        assay.loader.load(version(assay, tiny.BROKEN))


def test_a_manifest_that_cannot_be_read_is_refused(assay: Assay) -> None:
    broken = msgspec.structs.replace(version(assay), manifest=assay.artifacts.put(b"{}"))
    with pytest.raises(ArtifactRejected, match="manifest"):
        assay.loader.load(broken)


def test_rows_that_are_no_rows_are_refused(assay: Assay) -> None:
    manifest = assay.loader.manifest(version(assay))
    entry = msgspec.structs.replace(manifest.files["rows"], sha256=assay.artifacts.put(b"nonsense"))
    with pytest.raises(ArtifactRejected, match="rows"):
        assay.loader.load(with_manifest(assay, files=manifest.files | {"rows": entry}))


def test_without_a_graph_the_pipeline_answers_in_a_process_of_its_own_until_nobody_needs_it(assay: Assay) -> None:
    native = with_manifest(assay, engine="native")
    loaded = assay.loader.load(native)
    assert isinstance(loaded.engine, HostEngine)
    child = loaded.engine._child
    assert child is not None
    compiled = assay.loader.load(version(assay))
    asked = standins.asked(compiled, {}, {"carat": 2.5, "cut": "Fair"})
    assert predict(loaded, asked) == pytest.approx(predict(compiled, asked), rel=1e-5)
    del loaded
    gc.collect()
    assert child.wait(10) is not None


def test_what_is_answered_before_registration_is_what_is_answered_after(assay: Assay) -> None:
    manifest: Manifest = assay.loader.manifest(version(assay))
    assert assay.loader.answers(manifest, list(manifest.golden.questions)) == list(manifest.golden.answers)


def test_a_model_that_fails_on_a_golden_question_is_rejected(assay: Assay) -> None:
    golden = assay.loader.manifest(version(assay)).golden
    questions = (golden.questions[0] | {"cut": "Great"}, *golden.questions[1:])
    wrong = with_manifest(assay, golden=Golden(questions=questions, answers=golden.answers))
    for verb in (assay.loader.load, assay.loader.verify):
        with pytest.raises((VersionRejected, ArtifactRejected)):
            verb(wrong)


def test_apart_a_version_answers_alike_from_a_process_of_its_own(assay: Assay, linear: LoadedVersion) -> None:
    apart = assay.loader.load(assay.versions.find("stone", tiny.LINEAR), apart=True)
    try:
        assert isinstance(apart.engine, HostEngine)
        assert not isinstance(linear.engine, HostEngine)
        asked = standins.asked(linear, {"carat": 2.0})
        assert predict(apart, asked) == predict(linear, asked)
    finally:
        apart.engine.close()
