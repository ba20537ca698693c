"""The author's folder: `model.py` with the models, `data.py` with the rows if none are named, `api.py` with routes of its own."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from assay.domain.features.table import Features
from assay.domain.items.collection import Items
from assay.domain.model import Model
from assay.errors import ApplicationInvalid, AssayError, CollectionNotFound, FeaturesNotFound, ModelNotFound

MODULES = ("model", "data", "api")
OWN_ROWS = "data.py"  # the source of rows that the application makes itself
HOLDS = "APP is the folder that holds model.py."


@dataclass(frozen=True, kw_only=True)
class Application:
    """What the folder holds; modules are imported when they are first needed."""

    folder: Path

    @classmethod
    def at(cls, folder: Path) -> Application:
        """The application in this folder; raises ApplicationInvalid."""
        found = folder.expanduser().absolute()
        if not found.is_dir():
            raise ApplicationInvalid(f"There is no folder {str(folder)!r}. {HOLDS}")
        if not (found / "model.py").is_file():
            raise ApplicationInvalid(
                f"The folder {str(folder)!r} has no model.py, in which an application's models are declared. {HOLDS}"
            )
        return cls(folder=found)

    @property
    def has_routes(self) -> bool:
        """Whether the application has routes of its own."""
        return (self.folder / "api.py").is_file()

    @property
    def has_items(self) -> bool:
        """Whether `model.py` speaks of collections, told by its text: to import it may take a library of training."""
        return b"Items" in (self.folder / "model.py").read_bytes()

    def models(self) -> dict[str, Model[Any]]:
        """The models that `model.py` declares, by name; raises ApplicationInvalid."""
        module = self._module("model")
        found = [value for value in vars(module).values() if isinstance(value, Model)]
        if not found:
            raise ApplicationInvalid("model.py declares no assay.Model.")
        named = {model.name: model for model in found}
        if len(named) < len({id(model) for model in found}):
            raise ApplicationInvalid("model.py declares two models of one name.")
        return named

    def items(self) -> dict[str, Items]:
        """The collections of kept inputs that `model.py` declares, by name, in that order; raises ApplicationInvalid."""
        if not self.has_items:
            return {}
        found = [value for value in vars(self._module("model")).values() if isinstance(value, Items)]
        named = {one.name: one for one in found}
        if len(named) < len({id(one) for one in found}):
            raise ApplicationInvalid("model.py declares two assay.Items of one name.")
        known = self.models()
        for one in named.values():
            strange = next((model.name for model in one.models if known.get(model.name) is not model), None)
            if strange is not None:
                raise ApplicationInvalid(
                    f"model.py does not declare the model {strange!r} of the collection {one.name!r}."
                )
        return named

    def collection(self, name: str) -> Items:
        """The collection of this name; raises CollectionNotFound."""
        found = self.items().get(name)
        if found is None:
            raise CollectionNotFound(name)
        return found

    def features(self) -> dict[str, Features]:
        """The feature tables that `model.py` declares, by name, in that order; raises ApplicationInvalid."""
        if b"Features" not in (self.folder / "model.py").read_bytes():  # to import it may take a library of training
            return {}
        found = [value for value in vars(self._module("model")).values() if isinstance(value, Features)]
        found += [model.features for model in self.models().values() if model.features is not None]
        named = {one.name: one for one in found}
        if len(named) < len({id(one) for one in found}):
            raise ApplicationInvalid("model.py declares two assay.Features of one name.")
        return named

    def table(self, name: str) -> Features:
        """The feature table of this name; raises FeaturesNotFound."""
        found = self.features().get(name)
        if found is None:
            raise FeaturesNotFound(name)
        return found

    def model(self, name: str | None) -> Model[Any]:
        """The model of this name, or the only one."""
        models = self.models()
        if name is None:
            if len(models) > 1:
                raise ApplicationInvalid(
                    f"This application has several models; say --model with one of {', '.join(models)}."
                )
            return next(iter(models.values()))
        if name not in models:
            raise ModelNotFound(name)
        return models[name]

    def own_rows(self, named: str = "rows") -> Any:
        """The rows that `data.py` gives by its function `rows`, or of this name; raises ApplicationInvalid."""
        if not (self.folder / "data.py").is_file():
            raise ApplicationInvalid("Say --data PATH: this application has no data.py that gives rows.")
        rows = getattr(self._module("data"), named, None)
        if not callable(rows):
            told = "the training rows" if named == "rows" else "the rows of the feature table"
            raise ApplicationInvalid(f"data.py has no function `{named}` that returns {told}.")
        return rows()

    def router(self) -> Any:
        """The `router` of `api.py`; raises ApplicationInvalid."""
        router = getattr(self._module("api"), "router", None)
        if router is None:
            raise ApplicationInvalid("api.py has no `router` (a fastapi.APIRouter).")
        return router

    def _module(self, name: str) -> ModuleType:
        here = str(self.folder)
        sys.path[:] = [here, *(place for place in sys.path if place != here)]
        known = sys.modules.get(name)
        if known is not None and Path(getattr(known, "__file__", None) or "").parent != self.folder:
            for other in MODULES:  # of another application; they hold each other's objects, so all of them go
                sys.modules.pop(other, None)
        try:
            return importlib.import_module(name)
        except AssayError:
            raise
        except Exception as failed:
            raise ApplicationInvalid(f"{name}.py cannot be imported: {type(failed).__name__}: {failed}") from failed
