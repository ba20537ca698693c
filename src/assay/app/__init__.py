"""Joins the parts once; the only room that knows them all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from assay.app.loading import loader_of
from assay.domain.exchange import Exchange
from assay.domain.model import Model
from assay.domain.prediction import Prediction
from assay.domain.releases.rollout import Rollout
from assay.domain.version import Version
from assay.errors import NothingReleased, ParameterInvalid
from assay.releasing.experiment import Experimenter
from assay.releasing.prepare import Switch
from assay.releasing.promote import Releaser
from assay.releasing.register import Registrar
from assay.serving.served import answer
from assay.settings import Settings, settings_for
from assay.sources.application import Application
from assay.sources.audio.sounds import Sounds
from assay.store import schema
from assay.store.audit import Audit
from assay.store.databases import open_database
from assay.store.datasets import Datasets
from assay.store.evaluations import Evaluations
from assay.store.features.rows import FeatureRows
from assay.store.files.artifacts import artifacts_at
from assay.store.items.failures import Failures
from assay.store.items.groups import Groups
from assay.store.items.items import KeptItems
from assay.store.items.latest import Latests
from assay.store.items.refusals import Refusals
from assay.store.items.remaining import Remaining
from assay.store.items.sampling import Sampling
from assay.store.items.scores import Scores
from assay.store.items.sweeps import Sweeps
from assay.store.paging import MAX_LIMIT, Window, cursor_of
from assay.store.queries import Queries
from assay.store.record.arms import Arms
from assay.store.record.exchanges import Exchanges
from assay.store.record.outcomes import Outcomes
from assay.store.record.predictions import Predictions
from assay.store.record.questions import Questions
from assay.store.record.recorder import Entry, Recorder
from assay.store.releases.preparations import Preparations
from assay.store.releases.processes import Processes
from assay.store.releases.rollouts import Rollouts
from assay.store.releases.shadows import Shadows
from assay.store.releases.verdicts import Verdicts
from assay.store.uploads import Uploads
from assay.store.versions import Versions
from assay.store.work.claiming import Claiming
from assay.store.work.jobs import Jobs
from assay.store.work.schedules import Schedules
from assay.store.work.tasks import Tasks
from assay.store.work.trials import Trials

if TYPE_CHECKING:
    from assay.domain.evaluation import Evaluation
    from assay.training.run import Plan, Run


LOOKS = 20  # at the record, for what is seldom in it


class Assay:
    """One application and its home: the parts, joined. Every verb of the product is a method or a part's method."""

    def __init__(self, application: Application, settings: Settings) -> None:
        home = settings.home or application.folder / ".assay"
        self.application = application
        self.settings = settings
        self.home: Path = home
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.database = open_database(
            settings.database_url or home / "assay.db", durable="no-sync" not in settings.unsafe
        )
        schema.upgrade(self.database)
        self.artifacts = artifacts_at(settings.artifacts, home, check="no-hash" not in settings.unsafe)
        self._join_tables()
        self.recorder = Recorder(self.database)
        self.sounds = Sounds(self.artifacts.confirmed)
        self.loader = loader_of(settings, application, self.artifacts, self.sounds)
        switch = Switch(
            self.database, self.preparations, self.processes, patience_s=settings.verify_timeout_s,
            prepare="no-prepare" not in settings.unsafe,
        )  # fmt: skip
        self.releaser = Releaser(self.versions, self.rollouts, self.loader.verify, switch)
        self.experimenter = Experimenter(
            self.versions, self.rollouts, self.loader.verify, lambda one: self.loader.manifest(one).contract, switch
        )
        self.registrar = Registrar(self.database, self.artifacts, verify=self.loader.verify, answer=self.loader.answers)

    def _join_tables(self) -> None:
        database, unsafe = self.database, self.settings.unsafe
        self.versions = Versions(database)
        self.datasets = Datasets(database)
        self.evaluations = Evaluations(database)
        self.predictions = Predictions(database)
        self.exchanges = Exchanges(database)
        self.outcomes = Outcomes(database)
        self.rollouts = Rollouts(database)
        self.preparations = Preparations(database)
        self.processes = Processes(database)
        self.verdicts = Verdicts(database)
        self.shadows = Shadows(database)
        self.questions = Questions(database)
        self.arms = Arms(database)
        self.sampling = Sampling(database)
        self.audit = Audit(database)
        self.jobs = Jobs(database, fenced="no-fence" not in unsafe)
        self.tasks = Tasks(database)
        self.claiming = Claiming(database, fenced="no-fence" not in unsafe)
        self.schedules = Schedules(database, once="no-slot" not in unsafe)
        self.trials = Trials(database)
        self.uploads = Uploads(database)
        self.features = FeatureRows(database)
        self.items = KeptItems(database)
        self.refusals = Refusals(database)
        self.groups = Groups(database, whole="no-standing" not in unsafe)
        self.scores = Scores(database)
        self.latests = Latests(database)
        self.remaining = Remaining(database)
        self.failures = Failures(database)
        self.sweeps = Sweeps(database)
        self.queries = Queries(database)

    @classmethod
    def at(cls, folder: Path, **told: Any) -> Assay:
        """The application in this folder, with the settings told, of the environment and of its `assay.toml`."""
        application = Application.at(folder)
        return cls(application, settings_for(application.folder, **told))

    def train(self, model: Model[Any], data: Path | str | None, plan: Plan | None = None, **told: Any) -> Run:
        """Trains the recipes on a fresh snapshot, registers each run, and gives the word to the best that passes the gate.

        Raises DataInvalid or ApplicationInvalid.
        """
        from assay.app.learning import train  # polars and scikit-learn: only training pays for their import

        return train(self, model, data, plan, **({"query": self.settings.query} | told))

    def evaluate(self, model: Model[Any], number: int | None, data: Path | None = None) -> Evaluation:
        """A version's metrics on the held-out rows of its own dataset, or on all rows of other data; kept.

        Raises VersionNotFound, NothingReleased or DataInvalid.
        """
        from assay.app.learning import evaluate  # as above

        return evaluate(self, model, number, data)

    def version(self, model: str, number: int | None = None) -> Version:
        """The version of this number, or the one that rules; raises VersionNotFound or NothingReleased."""
        if number is not None:
            return self.versions.find(model, number)
        return self.versions.find(model, self.ruling(model).version)

    def ruling(self, model: str) -> Rollout:
        """The rollout that rules the model; raises NothingReleased."""
        rollout = self.rollouts.ruling(model)
        if rollout is None:
            raise NothingReleased(model)
        return rollout

    def promote(self, model: str, number: int, *, by: str, reason: str = "promoted by hand") -> Rollout:
        """From now on this version answers, as `Releaser.promote` does it."""
        return self.releaser.promote(model, number, by=by, reason=reason)

    def rollback(self, model: str, *, by: str, reason: str = "", instead_of: str | None = None) -> Rollout:
        """The version that answered before answers again, as `Releaser.rollback` does it, but none that the guard took back."""
        harmful = {one.version for one in self.verdicts.page(model, kind="guard", outcome="failed", limit=1000)}
        return self.releaser.rollback(model, by=by, reason=reason, instead_of=instead_of, without=harmful)

    def predict(self, model: str, body: bytes, number: int | None = None) -> list[Prediction]:
        """Answers questions given as JSON, recorded as predictions without an exchange."""
        version = self.loader.load(self.version(model, number))
        questions, _ = version.reader.read(body)
        answered = answer(version, [questions])[0]
        entry = Entry(None, answered.rows([msgspec.json.encode(question).decode() for question in questions], None))
        self.recorder.record([entry])
        if entry.error is not None:
            raise entry.error
        return [
            Prediction(id=one, model=model, version=version.number, prediction=value)
            for one, value in zip(answered.ids, answered.values, strict=True)
        ]

    def log(self, *, path: str | None = None, limit: int = 100, before: str | None = None) -> list[Exchange]:
        """The newest exchanges first, at most `limit` (1 to 1,000); `before` is the id of the last one already seen.

        Raises ParameterInvalid, or BadCursor where that is no id.
        """
        if not 1 <= limit <= MAX_LIMIT:
            raise ParameterInvalid("limit", f"must be a whole number from 1 to {MAX_LIMIT}")
        cursor = None if before is None else cursor_of(before)
        found: list[Exchange] = []
        for _ in range(LOOKS):
            page = self.exchanges.page(Window(limit=limit - len(found), cursor=cursor), path=path)
            found, cursor = found + page.entries, page.next_cursor
            if cursor is None or len(found) == limit:
                break
        return found

    def close(self) -> None:
        """Gives everything back."""
        self.sounds.close()
        self.recorder.close()
        self.database.close()
