"""Promotion and rollback: proved in a throwaway process, made ready in every process that answers, then decided once."""

from __future__ import annotations

from collections.abc import Callable, Collection

from assay.clock import new_id, now_us
from assay.domain.metric import rank_key
from assay.domain.releases.rollout import Rollout
from assay.domain.releases.verdict import Verdict
from assay.domain.version import Version
from assay.errors import ArtifactRejected, AssayError, ModelFailed, ModelTimedOut, NothingReleased, VersionRejected
from assay.releasing.prepare import Switch
from assay.store.releases.rollouts import Rollouts
from assay.store.versions import Versions

Verify = Callable[[Version], None]
Judge = Callable[[Version], Verdict]
UNFIT = (ArtifactRejected, VersionRejected, ModelFailed, ModelTimedOut)


class Releaser:
    """Decides who answers. `verify` loads a version in a throwaway process and raises where it may not answer."""

    def __init__(self, versions: Versions, rollouts: Rollouts, verify: Verify, switch: Switch) -> None:
        self._versions = versions
        self._rollouts = rollouts
        self._verify = verify
        self._switch = switch

    def promote(
        self, model: str, number: int, *, by: str, reason: str = "promoted by hand", instead_of: str | None = None
    ) -> Rollout:
        """From now on this version answers; returns once every process has it ready and the decision is durable.

        `instead_of` is the id of the decision that must still rule then; else PromotionOvertaken is raised.
        Raises VersionNotFound, VersionRejected, ArtifactRejected, VersionNotReady or PromotionInProgress. A version
        that is found damaged is marked as broken, and nothing else changes.
        """
        version = self._versions.find(model, number)
        ruling = self._rollouts.ruling(model)
        alone = ruling is not None and ruling.experiment is None
        if ruling is not None and alone and ruling.version == number and version.status == "ready":
            return ruling
        if version.status != "ready":
            raise VersionRejected(f"Version {number} is {version.status} and cannot answer: {version.error}")
        proved(self._versions, self._verify, version)
        return self._switch.to(
            Rollout(id=new_id(), at=now_us(), model=model, version=number, by=by, reason=reason), instead_of=instead_of
        )

    def rollback(
        self, model: str, *, by: str, reason: str = "", instead_of: str | None = None, without: Collection[int] = ()
    ) -> Rollout:
        """The version that answered before answers again; raises NothingReleased, or VersionRejected where there was none.

        Versions `without` which it is to be done are passed over. `instead_of` is the id of the decision that is to be
        undone; PromotionOvertaken is raised where another rules by now.

        It has answered before, so it is not proved in a throwaway process again: each process that answers confirms its
        hashes and golden answers, or has it at hand still. A promotion that is under way is given up.
        """
        history = self._rollouts.history(model)
        if not history:
            raise NothingReleased(model)
        ready = {version.number: version for version in self._versions.all(model) if version.status == "ready"}
        sound = ready.keys() - {history[0].version} - set(without)
        earlier = next((one.version for one in history if one.version in sound), None)
        if earlier is None:
            raise VersionRejected(
                f"No other sound version than {history[0].version} has ever answered; there is nothing to go back to."
            )
        if not self._switch.answering():
            proved(self._versions, self._verify, ready[earlier])
        said = f"rolled back from version {history[0].version}" + (f": {reason}" if reason else "")
        return self._switch.to(
            Rollout(id=new_id(), at=now_us(), model=model, version=earlier, by=by, reason=said),
            override=True,
            instead_of=instead_of,
        )

    def release(self, candidates: list[Version], *, metric: str, judge: Judge, by: str) -> Rollout | str:
        """Gives the word to the best candidate that passes the gate, or says why nothing changes.

        The best is judged first. One that fails, or is found broken, leaves its chance to the next; one that waits for
        a person's approval ends the search. What a person tries is not ended by what nobody has asked for: during an
        experiment the best has to wait.
        """
        ready = [version for version in candidates if version.status == "ready" and metric in version.metrics]
        told = ""
        for version in sorted(ready, key=lambda one: rank_key(metric, one.metrics[metric])):
            before = self._rollouts.ruling(
                version.model
            )  # whom it is judged against must still rule when it takes over
            verdict = judge(version)
            if verdict.outcome == "waiting":
                return f"because version {version.number} passed the gate and waits for `assay approve`"
            if verdict.outcome == "passed" and before is not None and before.experiment is not None:
                passed_over = (
                    f"version {version.number} passed the gate, and the experiment {before.experiment} still runs"
                )
                return f"because {passed_over}; `assay promote` ends it"
            if verdict.outcome == "passed":
                passed = verdict.checks[0].detail if verdict.checks else "nothing ruled before"
                try:
                    return self.promote(
                        version.model, version.number, by=by, reason=passed, instead_of=before.id if before else None
                    )
                except AssayError as refused:
                    told = told or f"because version {version.number} could not be promoted: {refused}"
                    continue
            failed = "; ".join(check.detail for check in verdict.checks if not check.passed)
            told = told or f"because version {version.number}, the best of them, did not pass the gate: {failed}"
        return told or "because no new version can answer"


def proved(versions: Versions, verify: Verify, version: Version) -> None:
    """Loads a version in a throwaway process; one that may not answer is marked as broken, and what it raised is raised."""
    try:
        verify(version)
    except UNFIT as refused:
        versions.mark(version.model, version.number, status="broken", error=str(refused))
        raise
