"""A convolutional network finds words of which nobody says where in their second they are, and is asked without PyTorch."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone

from assay.recipes.audio.convolved import INSTALL, Convolutional, convolutional
from assay.store.files.formats import dump_pipeline
from tests.recipes.audio.networks import TO_ASK, TO_LEARN, check_network
from tests.recipes.audio.spoken import FIELD

ASKED = """
import sys


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")


sys.meta_path.insert(0, Absent())
import numpy as np
from assay.store.files.formats import load_pipeline
made = load_pipeline(open(sys.argv[1], "rb").read(), ())
np.save(sys.argv[2], made.predict_proba(np.load(sys.argv[3])))
assert "torch" not in sys.modules
from assay.recipes.audio import Convolutional
try:
    Convolutional().fit(np.load(sys.argv[3]), np.ones((1, 1)))
except ModuleNotFoundError as missing:
    print(missing)
"""


def test_it_takes_the_field_and_its_settings_as_scikit_learn_does() -> None:
    made = clone(convolutional(FIELD, width=8)).set_params(passes=3)
    assert (made.rate, made.margin_s, made.width, made.passes, made.seed) == (8_000, 0.25, 8, 3, 42)


@pytest.mark.skipif(find_spec("torch") is not None, reason="PyTorch is installed")
def test_without_the_framework_it_says_what_to_install() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"assay\[torch\]") as told:
        Convolutional().fit(*TO_LEARN)
    assert str(told.value) == INSTALL


@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")
def test_it_learns_is_stored_and_is_drawn_and_asked_without_the_framework(tmp_path: Path) -> None:
    small = {"width": 24, "passes": 8}
    fitted, again, other = (convolutional(FIELD, seed=seed, **small).fit(*TO_LEARN) for seed in (1, 1, 2))
    check_network(fitted, again, other)
    (tmp_path / "kept").write_bytes(dump_pipeline(fitted, ()))
    np.save(tmp_path / "asked.npy", TO_ASK[0])
    files = [str(tmp_path / name) for name in ("kept", "told.npy", "asked.npy")]
    said = subprocess.run(
        [sys.executable, "-c", ASKED, *files], check=True, timeout=120, capture_output=True, text=True
    ).stdout
    assert said.strip() == INSTALL
    assert np.array_equal(np.load(tmp_path / "told.npy"), fitted.predict_proba(TO_ASK[0]))
