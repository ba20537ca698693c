"""Artifacts hold only what the list names, and nothing that is damaged or of another kind is read."""

from __future__ import annotations

import io
import json
import random
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from xgboost import XGBRegressor

from assay.domain.remote import Remote
from assay.errors import ArtifactRejected
from assay.recipes import Derive, in_stages, on_log_target
from assay.store.files.formats import (
    FORMATS,
    check_graph,
    dump_pipeline,
    dump_remote,
    dump_rows,
    load_pipeline,
    load_remote,
    load_rows,
)  # fmt: skip

ROWS = np.arange(1, 41, dtype=float).reshape(20, 2)
TARGET = ROWS.sum(axis=1) ** 2


class Doubled(BaseEstimator):  # type: ignore[misc]  # scikit-learn publishes no types
    """An author's own estimator."""

    def fit(self, rows: Any, target: Any = None) -> Doubled:
        self.fitted_ = True
        return self

    def predict(self, rows: Any) -> Any:
        return 2 * rows[:, 0]


OWN = f"{Doubled.__module__}.Doubled"


def test_the_formats_are_these_four() -> None:
    assert FORMATS == ("skops", "onnx", "rows", "remote")


@pytest.mark.parametrize(
    "estimator",
    [
        make_pipeline(StandardScaler(), LinearRegression(positive=True)),
        XGBRegressor(n_estimators=3, objective="reg:absoluteerror"),
        on_log_target(make_pipeline(Derive({"area": "a * b"}, columns=["a", "b"]), XGBRegressor(n_estimators=3))),
        in_stages(LinearRegression(), XGBRegressor(n_estimators=3)),
    ],
    ids=["linear", "xgboost", "derived", "staged"],
)
def test_a_pipeline_read_back_gives_the_same_answers(estimator: Any) -> None:
    fitted = estimator.fit(ROWS, TARGET)
    again = load_pipeline(dump_pipeline(fitted, ()), ())
    assert np.array_equal(again.predict(ROWS), fitted.predict(ROWS))


def test_a_class_of_the_authors_own_is_refused_by_name_unless_the_caller_trusts_it() -> None:
    fitted = Doubled().fit(ROWS)
    with pytest.raises(ArtifactRejected, match=r"may not be stored: tests\..*Doubled; .* `trusted="):
        dump_pipeline(fitted, ())
    data = dump_pipeline(fitted, (OWN,))
    assert load_pipeline(data, (OWN,)).predict(ROWS)[0] == 2
    with pytest.raises(ArtifactRejected, match="Doubled"):
        load_pipeline(data, ())


def test_a_function_in_a_pipeline_is_refused_when_it_is_stored() -> None:
    with pytest.raises(ArtifactRejected, match=r"numpy\.log"):
        dump_pipeline(make_pipeline(FunctionTransformer(np.log), LinearRegression()).fit(ROWS, TARGET), ())


def schema_with(change: dict[str, Any]) -> bytes:
    data = dump_pipeline(LinearRegression().fit(ROWS, TARGET), ())
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "schema.json":
                content = json.dumps(json.loads(content) | change).encode()
            new.writestr(name, content)
    return made.getvalue()


@pytest.mark.parametrize(
    "change",
    [
        {"__module__": "os", "__class__": "system", "__loader__": "FunctionNode"},
        {"hidden": [{"__module__": "builtins", "__class__": "eval", "__loader__": "TypeNode"}]},
        {"trusted": ["posix.system"], "__module__": "posix", "__class__": "system"},
        {"__class__": None},
        {"__loader__": "NoSuchNode"},
    ],
)
def test_a_file_cannot_name_or_allow_anything_beyond_the_list(change: dict[str, Any]) -> None:
    with pytest.raises(ArtifactRejected):
        load_pipeline(schema_with(change), ())


def test_pickles_arrays_and_other_zips_are_refused_by_content_and_never_run(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    bomb = f"cos\nsystem\n(S'touch {marker}'\ntR.".encode()  # what would touch the file if it were ever run
    array = io.BytesIO()
    np.lib.format.write_array_header_1_0(array, {"descr": "|O", "fortran_order": False, "shape": (1,)})
    array.write(bomb)
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as packed:
        packed.writestr("schema.json", bomb)
    for data in (bomb, array.getvalue(), other.getvalue(), b"", b"PK\x03\x04", b"{}"):
        with pytest.raises(ArtifactRejected):
            load_pipeline(data, ())
        with pytest.raises(ArtifactRejected):
            load_rows(data)
        with pytest.raises(ArtifactRejected):
            check_graph(data)
    assert not marker.exists()


def test_a_file_that_unpacks_to_too_much_is_refused_before_it_is_unpacked() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed, packed.open("schema.json", "w") as part:
        for _ in range(1025):
            part.write(bytes(1 << 20))
    with pytest.raises(ArtifactRejected, match="unpacks to more"):
        load_pipeline(made.getvalue(), ())


def test_a_damaged_pipeline_is_refused_or_means_the_same() -> None:
    fitted = make_pipeline(StandardScaler(), LinearRegression()).fit(ROWS, TARGET)
    whole, draw = dump_pipeline(fitted, ()), random.Random(0)
    for _ in range(200):
        damaged = bytearray(whole)
        damaged[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        mutant = bytes(damaged) if draw.random() < 0.7 else whole[: draw.randrange(len(whole))]
        try:
            again = load_pipeline(mutant, ())
        except ArtifactRejected:
            continue
        # Only bytes that carry no meaning, such as a date in the zip's directory, may be damaged unnoticed.
        assert np.array_equal(again.predict(ROWS), fitted.predict(ROWS))


@given(st.lists(st.tuples(st.floats(width=32, allow_nan=False), st.integers(0, 255)), max_size=20))
def test_rows_come_back_as_they_were(values: list[tuple[float, int]]) -> None:
    rows = np.array(values, dtype=[("carat", "<f4"), ("cut", "u1")])
    assert np.array_equal(load_rows(dump_rows(rows)), rows)


@pytest.mark.parametrize(
    "array", [np.zeros(3), np.array([("a",)], dtype=[("cut", "U1")]), np.zeros(2, dtype=[("size", "f4", (3,))])]
)
def test_rows_that_are_not_plain_numbers_are_refused(array: Any) -> None:
    file = io.BytesIO()
    np.save(file, array)
    with pytest.raises(ArtifactRejected, match="structured array of numbers"):
        dump_rows(array)
    with pytest.raises(ArtifactRejected):
        load_rows(file.getvalue())


def test_rows_that_are_truncated_or_too_long_are_refused() -> None:
    data = dump_rows(np.zeros(5, dtype=[("carat", "<f8")]))
    for mutant in [data[:-1], data + b"\0", *(data[:size] for size in range(0, len(data), 7))]:
        with pytest.raises(ArtifactRejected):
            load_rows(mutant)


SPECIFICATION = Remote(url="http://127.0.0.1:8010/{label}/{audio}", headers_from={"Authorization": "detector"})


def test_a_remote_models_specification_is_what_it_was() -> None:
    assert load_remote(dump_remote(SPECIFICATION)) == SPECIFICATION


@pytest.mark.parametrize(
    "data",
    [
        b"", b"null", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"url": "http://h/{label}/{audio}", "run": "ls"}',
        b'{"url": "file:///etc/passwd"}', b'{"url": "http://h/{label}/{audio}", "timeout_s": 0}',
        b'{"url": "http://u:p@h/{label}/{audio}"}', b'{"url": "\xff"}', b'{"url": "http://h/{label}/{audio}"} more',
    ],
)  # fmt: skip
def test_what_is_no_specification_or_asks_for_what_none_may_is_refused(data: bytes) -> None:
    with pytest.raises(ArtifactRejected, match="specification"):
        load_remote(data)
