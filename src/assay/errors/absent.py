"""Things that are not there, or cannot be used."""

from __future__ import annotations

from assay.errors.fact import AssayError, Fault


class ModelNotFound(AssayError):
    """There is no such model."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no model named {name[:80]!r}.")


class VersionNotFound(AssayError):
    """There is no such version."""

    def __init__(self, model: str, number: object) -> None:
        super().__init__(f"The model {model!r} has no version {str(number)[:40]}.")


class PredictionNotFound(AssayError):
    """There is no such prediction."""

    def __init__(self, prediction: str, model: str) -> None:
        super().__init__(f"The record holds no prediction {prediction[:40]!r} of {model!r}.")


class NothingReleased(AssayError):
    """No version of the model answers yet."""

    def __init__(self, model: str) -> None:
        super().__init__(f"No version of {model!r} answers yet: train one with `assay train`.")


class NothingSimilar(AssayError):
    """No training row is equal in the named features."""


class JobNotFound(AssayError):
    """There is no such job."""

    def __init__(self, id: str) -> None:
        super().__init__(f"There is no job {id[:40]!r}; `assay jobs` and GET /v1/jobs list them.")


class ApplicationInvalid(AssayError):
    """The application's folder cannot be used."""


class DataInvalid(AssayError):
    """The training rows cannot be used."""


class DataSuspect(DataInvalid):
    """The rows can be read, but would do harm if they were learnt from."""


class DatasetNotFound(AssayError):
    """There is no such dataset."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no dataset named {name[:80]!r}; PUT /v1/datasets/NAME makes one.")


class DatasetInUse(AssayError, code="in_use"):
    """The dataset is needed by something else."""


class LabelTaken(AssayError):
    """The label is on a version already, or a job is to give it; take it off there first, or choose another."""


class DatasetRejected(AssayError):
    """The rows that were sent for a dataset, or its name, are not acceptable; `kind` is the rule where there is one."""

    def __init__(self, message: str, kind: str = "", faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(message)
        self.kind = kind
        self.faults = faults


class CollectionNotFound(AssayError):
    """There is no such collection."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no collection named {name[:80]!r}; GET /v1/items lists them.")


class ItemNotFound(AssayError):
    """There is no such item."""

    def __init__(self, collection: str, name: str) -> None:
        super().__init__(f"The collection {collection[:80]!r} has no item named {name[:80]!r}.")


class ItemRejected(AssayError):
    """The item, or its name, is not acceptable; `kind` is the rule where there is one."""

    def __init__(self, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind


class QueryNotFound(AssayError):
    """There is no query of this id."""


class QueryClosed(AssayError):
    """The query takes no more questions: its answers have been read."""


class RecipeFailed(AssayError):
    """A recipe raised while it was fitted."""
