"""An experiment as one process sees it: which of the arms that it has loaded answers whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from assay.clock import new_id
from assay.domain.releases.rollout import Rollout
from assay.serving.loaded import LoadedVersion


class Picked(NamedTuple):
    """Who answers, and in which experiment, if it was drawn in one."""

    version: LoadedVersion
    experiment: str | None = None


class Draw:
    """The arms of a rollout, loaded; it never changes. Not `sticky` forgets who fell to which, to show what that is for."""

    def __init__(self, rollout: Rollout, arms: Mapping[int, LoadedVersion], *, sticky: bool = True) -> None:
        self.experiment = rollout.experiment or ""
        self.arms = dict(arms)
        self._rollout = rollout
        self._sticky = sticky

    def version(self, subject: str) -> LoadedVersion:
        """The arm that answers this subject."""
        return self.arms[self._rollout.choose(subject if self._sticky else new_id())]

    def pick(self, subject: str) -> Picked:
        """The same, with the experiment's name."""
        return Picked(self.version(subject), self.experiment)
