"""Promotion and rollback: one appended row, written only after the version was proved in a throwaway process."""

from __future__ import annotations

from collections.abc import Callable

from assay.clock import new_id, now_us
from assay.domain.metric import better, rank_key
from assay.domain.rollout import Rollout
from assay.domain.version import Version
from assay.errors import ArtifactRejected, AssayError, ModelFailed, ModelTimedOut, NothingReleased, VersionRejected
from assay.store.rollouts import Rollouts
from assay.store.versions import Versions

Verify = Callable[[Version], None]
UNFIT = (ArtifactRejected, VersionRejected, ModelFailed, ModelTimedOut)


class Releaser:
    """Decides who answers. `verify` loads a version in a throwaway process and raises where it may not answer."""

    def __init__(self, versions: Versions, rollouts: Rollouts, verify: Verify) -> None:
        self._versions = versions
        self._rollouts = rollouts
        self._verify = verify

    def promote(self, model: str, number: int, *, by: str, reason: str = "promoted by hand") -> Rollout:
        """From now on this version answers; raises VersionNotFound, VersionRejected or ArtifactRejected.

        A version that is found damaged is marked as broken, and nothing else changes.
        """
        version = self._versions.find(model, number)
        ruling = self._rollouts.ruling(model)
        if ruling is not None and ruling.version == number and version.status == "ready":
            return ruling
        if version.status != "ready":
            raise VersionRejected(f"Version {number} is {version.status} and cannot answer: {version.error}")
        try:
            self._verify(version)
        except UNFIT as refused:
            self._versions.mark(model, number, status="broken", error=str(refused))
            raise
        return self._rollouts.append(
            Rollout(id=new_id(), at=now_us(), model=model, version=number, by=by, reason=reason)
        )

    def rollback(self, model: str, *, by: str) -> Rollout:
        """The version that answered before answers again; raises NothingReleased where there was none."""
        history = self._rollouts.history(model)
        if not history:
            raise NothingReleased(model)
        sound = {version.number for version in self._versions.all(model) if version.status == "ready"}
        earlier = next((one.version for one in history if one.version in sound - {history[0].version}), None)
        if earlier is None:
            raise VersionRejected(
                f"No other sound version than {history[0].version} has ever answered; there is nothing to go back to."
            )
        return self.promote(model, earlier, by=by, reason=f"rolled back from version {history[0].version}")

    def promote_best(
        self, candidates: list[Version], *, metric: str, champion_value: float | None, by: str
    ) -> Rollout | None:
        """Gives the word to the best of the candidates if it is better than the champion on the same rows.

        `champion_value` is the ruling version's metric on the candidates' held-out rows, None where nothing rules.
        """
        ready = [version for version in candidates if version.status == "ready" and metric in version.metrics]
        for version in sorted(ready, key=lambda one: rank_key(metric, one.metrics[metric])):
            value = version.metrics[metric]
            if champion_value is not None and not better(metric, value, champion_value):
                return None
            compared = "and nothing ruled before" if champion_value is None else f"is better than {champion_value:,.2f}"
            try:
                return self.promote(version.model, version.number, by=by, reason=f"{metric} {value:,.2f} {compared}")
            except AssayError:
                continue  # found broken and marked; the next best may be sound
        return None
