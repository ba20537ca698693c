"""The application that hears tones, with recipes that are broken as models are: each has one fault, and is honest otherwise."""

from __future__ import annotations

import shutil
import tempfile
from atexit import register
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from assay.app import Assay
from assay.domain.version import Version
from assay.training.run import Plan, Run
from tests import heard

BROKEN = '''

class Silence(Tones):
    """Hears whether anything sounds, and is sure of every note where nothing does."""

    def predict_proba(self, heard: Any) -> Any:
        """float64 [seconds, labels]."""
        power = np.square(heard.astype(np.float64)).sum(axis=1)
        return np.repeat(1 / (1 + power[:, None]), self.labels_, axis=1)


class Swapped(Tones):
    """Calls the low note middle, and the middle one low."""

    def predict_proba(self, heard: Any) -> Any:
        """float64 [seconds, labels]."""
        return super().predict_proba(heard)[:, [1, 0, 2]]


class Halved(Tones):
    """Is half as sure as it should be."""

    def predict_proba(self, heard: Any) -> Any:
        """float64 [seconds, labels]."""
        return super().predict_proba(heard) / 2


@notes.recipe
def silence() -> Any:
    """Broken."""
    return Silence()


@notes.recipe
def swapped() -> Any:
    """Broken."""
    return Swapped()


@notes.recipe
def halved() -> Any:
    """Broken."""
    return Halved()

'''
CLASSES = "Silence Swapped Halved".split()
HONEST = "plain"  # answers in a process of its own, as the broken ones do


def write(folder: Path) -> Path:
    """The application with all recipes, and in `sound` recordings to learn from."""
    heard.write(folder)
    told = heard.MODEL.replace("trusted=(Tones, Drawn),", "trusted=TRUSTED,")
    head, models = told.split("notes = assay.Model(")
    classes, recipes = BROKEN.split("\n\n@notes.recipe", maxsplit=1)
    trusted = f"TRUSTED = (Tones, Drawn, {', '.join(CLASSES)})\n\n"
    model = f"{head.rstrip()}\n{classes}\n\n{trusted}notes = assay.Model({models.rstrip()}\n\n\n@notes.recipe{recipes}"
    (folder / "model.py").write_text(model, encoding="utf-8")
    heard.write_recordings(folder / "sound", 40, 6)
    return folder


@cache
def application() -> Path:
    """The folder of the application, with a home in `.assay` and a control set in `control`; leave it as it is.

    Version 1, which is honest, answers; each other recipe has made a version that waits.
    """
    folder = write(Path(tempfile.mkdtemp(prefix="assay-misheard-")))
    register(shutil.rmtree, folder, ignore_errors=True)
    heard.write_recordings(folder / "control", 30, 6, seed=9)
    assay = Assay.at(folder)
    try:
        model = assay.application.model(None)
        train(assay, HONEST)
        train(assay, *(name for name in model.recipes if name != HONEST), promote=False)
    finally:
        assay.close()
    return folder


@contextmanager
def opened(home: Path, **told: Any) -> Iterator[Assay]:
    """The trained application with a copy of its home in this folder."""
    folder = application()
    shutil.copytree(folder / ".assay", home)
    assay = Assay.at(folder, home=home, **told)
    try:
        yield assay
    finally:
        assay.close()


def train(assay: Assay, *recipes: str, promote: bool = True) -> Run:
    """A training of these recipes on the recordings."""
    model = assay.application.model(None)
    return assay.train(model, assay.application.folder / "sound", Plan(only=recipes, promote=promote))


def version(assay: Assay, recipe: str) -> Version:
    """The version that this recipe has made."""
    (found,) = (one for one in assay.versions.all("notes") if one.recipe == recipe)
    assert found.status == "ready", found.error
    return found
