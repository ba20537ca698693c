"""An application's folder is found, imported when it is needed, and refused with a sentence where it is wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.errors import ApplicationInvalid, CollectionNotFound, ModelNotFound
from assay.sources.application import Application

NAMES = ("model", "data", "api")
ONE = """
import assay
class Stone(assay.Input):
    carat: float = assay.Number()
{name} = assay.Model("{name}", input=Stone, target="price")
"""


@pytest.fixture(autouse=True)
def clean_imports() -> Iterator[None]:
    """Other tests' applications are not these, and the other way round."""
    path, known = list(sys.path), {name: sys.modules.pop(name) for name in NAMES if name in sys.modules}
    yield
    sys.path[:] = path
    for name in NAMES:
        sys.modules.pop(name, None)
    sys.modules.update(known)


def application(folder: Path, **modules: str) -> Application:
    folder.mkdir(exist_ok=True)
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
    return Application.at(folder)


def test_a_folder_must_be_there_and_declare_models(tmp_path: Path) -> None:
    with pytest.raises(ApplicationInvalid, match="no folder"):
        Application.at(tmp_path / "nowhere")
    with pytest.raises(ApplicationInvalid, match=r"no model\.py"):
        Application.at(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ApplicationInvalid, match="no folder"):
        Application.at(tmp_path / "file")


def test_finding_it_imports_nothing(tmp_path: Path) -> None:
    found = application(tmp_path, model="raise RuntimeError")
    assert found.folder == tmp_path
    assert not found.has_routes


def test_its_models_are_found_by_name(tmp_path: Path) -> None:
    found = application(tmp_path, model=ONE.format(name="stone") + ONE.format(name="gem") + "alias = gem")
    assert list(found.models()) == ["stone", "gem"]
    assert found.model("gem").name == "gem"
    with pytest.raises(ModelNotFound, match="'pearl'"):
        found.model("pearl")
    with pytest.raises(ApplicationInvalid, match="stone, gem"):
        found.model(None)


def test_the_only_model_needs_no_name(tmp_path: Path) -> None:
    assert application(tmp_path, model=ONE.format(name="stone")).model(None).name == "stone"


def test_a_module_is_imported_once(tmp_path: Path) -> None:
    found = application(tmp_path, model=ONE.format(name="stone"))
    assert found.model(None) is found.model(None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1", "declares no assay.Model"), ("raise RuntimeError('out of order')", "RuntimeError: out of order"),
        ("import no_such_module", "no_such_module"), ("def broken(:", "SyntaxError"),
        (ONE.format(name="stone") + "other = assay.Model('stone', input=Stone, target='price')", "two models of one name"),
        ("import assay\nassay.Model('A', input=assay.Input, target='x')", "cannot name a model"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_model_py_is_said(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ApplicationInvalid, match=said):
        application(tmp_path, model=text).models()


HEARING = """
import assay
class Recording(assay.Input):
    audio: str = assay.Audio()
told = {"input": Recording, "target": "utterances", "labels": ("zero",), "metric": "average_precision"}
phrases = assay.Model("phrases", **told)
files = assay.Items("files", models=(phrases,))
"""


def test_collections_come_from_model_py(tmp_path: Path) -> None:
    found = application(tmp_path, model=HEARING + "again = files\nothers = assay.Items('others', models=[phrases])")
    assert list(found.items()) == ["files", "others"]
    assert found.collection("files").models == (found.model("phrases"),)
    with pytest.raises(CollectionNotFound, match="'Files'"):
        found.collection("Files")


@pytest.mark.parametrize(
    ("more", "said"),
    [("two = assay.Items('files', models=[phrases])", "two assay.Items of one name"),
     ("two = assay.Items('two', models=[assay.Model('unknown', **told)])", "does not declare the model 'unknown'")],
)  # fmt: skip
def test_what_is_wrong_with_collections_is_said(tmp_path: Path, more: str, said: str) -> None:
    with pytest.raises(ApplicationInvalid, match=said):
        application(tmp_path, model=HEARING + more).items()


def test_a_module_that_speaks_of_no_collection_is_not_imported_for_them(tmp_path: Path) -> None:
    assert application(tmp_path, model="1 / 0").items() == {}
    with pytest.raises(ApplicationInvalid):
        application(tmp_path / "other", model="1 / 0  # Items").items()


def test_rows_come_from_data_py(tmp_path: Path) -> None:
    assert application(tmp_path, model="", data="def rows():\n    return [1, 2]").own_rows() == [1, 2]


@pytest.mark.parametrize(
    ("modules", "said"),
    [({}, "--data"), ({"data": "rows = 5"}, "no function `rows`"), ({"data": "1 / 0"}, "ZeroDivision")],
)
def test_without_rows_it_says_where_they_could_come_from(tmp_path: Path, modules: dict[str, str], said: str) -> None:
    with pytest.raises(ApplicationInvalid, match=said):
        application(tmp_path, model="", **modules).own_rows()


def test_routes_come_from_api_py(tmp_path: Path) -> None:
    found = application(tmp_path, model="", api="router = 'mine'")
    assert found.has_routes
    assert found.router() == "mine"
    with pytest.raises(ApplicationInvalid, match="no `router`"):
        application(tmp_path / "other", model="", api="x = 1").router()


def test_two_applications_in_one_process_do_not_mix(tmp_path: Path) -> None:
    first = application(tmp_path / "first", model=ONE.format(name="stone"), data="def rows():\n    return 1")
    second = application(tmp_path / "second", model=ONE.format(name="gem"), data="def rows():\n    return 2")
    for _ in range(2):
        assert list(first.models()) == ["stone"]
        assert list(second.models()) == ["gem"]
        assert (first.own_rows(), second.own_rows()) == (1, 2)


def test_its_modules_can_import_each_other(tmp_path: Path) -> None:
    found = application(tmp_path, model=ONE.format(name="stone"), api="from model import stone\nrouter = stone")
    assert found.router() is found.model(None)


def test_routes_ask_the_models_of_today_after_another_application_was_used(tmp_path: Path) -> None:
    first = application(
        tmp_path / "first", model=ONE.format(name="stone"), api="from model import stone\nrouter = stone"
    )
    second = application(tmp_path / "second", model=ONE.format(name="gem"))
    assert first.router() is first.model(None)
    second.models()
    assert first.model(None) is first.router()
