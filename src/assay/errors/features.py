"""What can be wrong with a feature table, or with an entity in it."""

from __future__ import annotations

from assay.errors.fact import AssayError, Fault


class FeaturesNotFound(AssayError):
    """There is no such feature table."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no feature table named {name[:80]!r}.")


class EntityNotFound(AssayError):
    """There is no such entity in the feature table."""

    def __init__(self, features: str, key: str) -> None:
        super().__init__(f"The feature table {features!r} has no entity {key[:128]!r}.")


class EntityKeyInvalid(AssayError):
    """The key cannot be an entity's."""

    def __init__(self, name: str, rule: str) -> None:
        super().__init__(f"{name}: {rule}.")
        self.faults = (Fault(name, rule, "invalid_key"),)


class EntityOutdated(AssayError):
    """What is kept of the entity lacks what the model asks."""

    def __init__(self, features: str, key: str, why: str) -> None:
        super().__init__(f"What {features!r} keeps of {key[:128]!r} cannot be asked ({why}); load or put it anew.")
