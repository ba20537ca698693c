"""A model: a question with a name, the recipes that learn to answer it, and the metric that ranks them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Generic, TypeVar, overload

import msgspec

from assay.domain.features.table import Features
from assay.domain.given.answering import Answering, Entity, Explanation, Prediction, Task
from assay.domain.metric import OF_LABELS, OF_NUMBERS, Metric
from assay.domain.question.contract import Contract, Similar, Target
from assay.domain.question.faults import MAX_KEYS
from assay.domain.question.field import MOST_WORDS, Field, audio_field
from assay.domain.question.input import Input
from assay.domain.recipe import LONGEST_NAME, Recipe
from assay.domain.releases.gate import Gate
from assay.errors import ApplicationInvalid, NotServing

QuestionT = TypeVar("QuestionT", bound=Input)
Maker = Callable[..., Any]
MakerT = TypeVar("MakerT", bound=Maker)
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
RESERVED = frozenset({"latest", "null", "none", "true", "false"})
MOST_LABELS = 1_000
LONGEST_LABEL = 128


@dataclass
class Model(Generic[QuestionT]):
    """A question with a name.

    `target` is the column to predict, in `unit`, never below `floor`, rounded to `decimals`. `metric` ranks versions.
    With `labels` there is no number to predict but which of them are true: the answer is a confidence in [0, 1] for each, of
    a recording for each in every second, and one of `threshold` or more counts as yes.
    `segments` says by which bins of which column errors are reported too. All recipes are judged on the same held-out
    rows: a share of `test_size`, drawn with `seed` as scikit-learn's `train_test_split` draws.
    Similar rows are equal in every grade and category, and near in the numeric field `similar_by`.
    `trusted` are classes of the author's own that a stored pipeline may hold. Rows that are equal in every field and in
    the target count once, unless they are to be kept (`keep_equal`): two things may be alike in all that is asked.
    With `features` it is asked about entities of this table, whose fields its own are among: rows to learn from need no more
    than key and target, and `predict_for` answers for a key.
    `gate` says what a new version must show before it answers, and what takes the word from it again.
    """

    name: str
    _: KW_ONLY
    input: type[QuestionT]
    target: str
    unit: str = ""
    floor: float | None = None
    decimals: int | None = None
    metric: Metric = "mae"
    labels: Sequence[str] = ()
    threshold: float = 0.5
    segments: Mapping[str, Sequence[float]] = field(default_factory=dict)
    test_size: float = 0.2
    seed: int = 42
    similar_by: str | None = None
    trusted: tuple[type, ...] = ()
    keep_equal: bool = False
    features: Features | None = None
    gate: Gate = field(default_factory=Gate)
    recipes: dict[str, Recipe] = field(default_factory=dict, init=False)
    cleaning: Maker | None = field(default=None, init=False)
    answering: Answering | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name) or self.name in RESERVED:
            raise ApplicationInvalid(
                f"{self.name!r} cannot name a model: lower-case letters, digits, '.', '_' and '-'."
            )
        if len(self.fields) > MAX_KEYS:
            raise ApplicationInvalid(
                f"{self.name!r} asks for {len(self.fields):,} fields; at most {MAX_KEYS:,} may be."
            )
        wordy = next((name for name, said in self.fields.items() if len(said.values) > MOST_WORDS), None)
        if wordy is not None:
            raise ApplicationInvalid(f"The field {wordy!r} of {self.name!r} has more than {MOST_WORDS:,} words.")
        near = self.similar_by
        if near is not None and not (near in self.fields and self.fields[near].numeric):
            raise ApplicationInvalid(
                f"{near!r}, in which rows of {self.name!r} are to be near, is no numeric field of its input."
            )
        if self.target in self.fields:
            raise ApplicationInvalid(f"{self.target!r} is the target of {self.name!r} and cannot be asked as well.")
        self.labels = tuple(self.labels)
        fault = _fault_of_labels(self) or _fault_of_features(self)
        if fault:
            raise ApplicationInvalid(f"The model {self.name!r} {fault}.")
        if not isinstance(self.gate, Gate):
            raise ApplicationInvalid(f"The gate of {self.name!r} must be an assay.Gate, and is {self.gate!r}.")

    @property
    def fields(self) -> dict[str, Field]:
        """The input's fields in their order."""
        return self.input.assay_fields

    @property
    def contract(self) -> Contract:
        """What a version of this model promises to whoever asks it."""
        target = Target(name=self.target, unit=self.unit, floor=self.floor, decimals=self.decimals)
        if self.labels:
            target = msgspec.structs.replace(target, labels=tuple(self.labels), threshold=self.threshold)
        words = tuple(name for name, said in self.fields.items() if said.values)
        numbers = [name for name, said in self.fields.items() if said.numeric]
        nearest = self.similar_by or next(iter(numbers), None)
        return Contract(
            model=self.name,
            fields=dict(self.fields),
            target=target,
            metric=self.metric,
            similar=Similar(equal=words, nearest=nearest) if nearest and not self.labels else None,
        )

    @overload
    def recipe(self, make: MakerT) -> MakerT: ...
    @overload
    def recipe(self, *, trials: int = 0, by_name: bool = False) -> Callable[[MakerT], MakerT]: ...
    def recipe(self, make: Maker | None = None, *, trials: int = 0, by_name: bool = False) -> Any:
        """Registers a function that returns an estimator; with `trials`, one that takes an Optuna trial.

        With `by_name` it is trained only where it is named: one that needs what is not always there, such as an endpoint.
        """

        def register(made: MakerT) -> MakerT:
            recipe = Recipe.of(made, trials, by_name=by_name)
            if len(recipe.name) > LONGEST_NAME:
                said = f"{recipe.name[:40]}… ({len(recipe.name)} letters)"
                raise ApplicationInvalid(f"A recipe's name has at most {LONGEST_NAME} letters, unlike {said}.")
            if recipe.name in self.recipes:
                raise ApplicationInvalid(f"The model {self.name!r} has two recipes named {recipe.name!r}.")
            self.recipes[recipe.name] = recipe
            return made

        return register if make is None else register(make)

    def clean(self, rule: MakerT) -> MakerT:
        """Registers the cleaning rule: rows in, a boolean expression or series of the rows to keep out."""
        self.cleaning = rule
        return rule

    async def predict(self, question: QuestionT, *, subject: str | None = None) -> Prediction:
        """The answer of the version that rules now, recorded with the exchange in which it was asked.

        During an experiment the arm answers that the `subject` falls to: whoever or whatever is always to be answered by
        the same one. Unless it is told, it is what the client's `X-Assay-Subject` says, or the question itself.
        """
        return await self._served().predict(question, subject=subject)

    async def predict_for(self, entity: Entity | str, *, subject: str | None = None) -> Prediction:
        """The answer for an entity of the feature table, by its key or as `Features.find` gave it; recorded with the entity.

        During an experiment the entity itself is the `subject`, unless another is told. Raises EntityKeyInvalid,
        EntityNotFound, or EntityOutdated where what is kept of it lacks what is asked.
        """
        served = self._served()
        if isinstance(entity, str):
            if self.features is None:
                raise ApplicationInvalid(
                    f"The model {self.name!r} has no feature table to look {entity[:128]!r} up in."
                )
            entity = await self.features.find(entity)
        return await served.predict_for(entity, subject=subject)

    async def explain(self, question: QuestionT, *, subject: str | None = None) -> Explanation:
        """The answer with its reasons in the target's unit; also recorded. Who answers is as in `predict`."""
        return await self._served().explain(question, subject=subject)

    async def similar(self, like: Mapping[str, Any], n: int = 5) -> list[dict[str, Any]]:
        """At most `n` training rows of the ruling version, the nearest first; raises NothingSimilar."""
        return await self._served().similar(like, n)

    async def submit(
        self, questions: Sequence[QuestionT], *, version: int | None = None, webhook: str | None = None,
        subject: str | None = None,
    ) -> Task:  # fmt: skip
        """Accepts questions to be answered in the background, by the version that rules then or by one that is named.

        The task is recorded with the exchange in which it was asked: it is begun once the route has answered, and not at
        all where that is a refusal. `webhook`, or else the one that the client names (`Webhook-URL`), is told of its end;
        `subject` falls to an arm as in `predict`.
        """
        return await self._served().submit(questions, version=version, webhook=webhook, subject=subject)

    async def task(self, id: str, *, wait_s: float = 0) -> Task:
        """A task of this model once it has ended, or as it is after so many seconds; raises JobNotFound."""
        return await self._served().task(id, wait_s=wait_s)

    def _served(self) -> Answering:
        if self.answering is None:
            raise NotServing(f"The model {self.name!r} is not being served in this process; start `assay serve`.")
        return self.answering


def _fault_of_features(model: Model[Any]) -> str:
    """What is wrong with where the model's features come from, nothing where all is well."""
    table = model.features
    if table is None:
        return ""
    strange = next((name for name, said in model.fields.items() if table.fields.get(name) != said), None)
    if strange is not None:
        return f"asks for {strange!r}, which the feature table {table.name!r} has not, or declares otherwise"
    if model.target in (*table.fields, table.key):
        return f"is to predict {model.target!r}, which the feature table {table.name!r} holds"
    return ""


def _fault_of_labels(model: Model[Any]) -> str:
    """What is wrong with what the model says of its answers, nothing where all is well."""
    known = OF_LABELS if model.labels else OF_NUMBERS
    if model.metric not in known:
        return f"is ranked by one of {', '.join(known)}, and not by {model.metric!r}"
    if audio_field(model.fields) is not None and (len(model.fields) > 1 or not model.labels):
        return "asks for a recording, which is asked alone and answered with labels"
    if not model.labels:
        return ""
    if len(model.labels) > MOST_LABELS or len(set(model.labels)) != len(model.labels):
        return f"must have at most {MOST_LABELS:,} labels, each once"
    if not all(isinstance(one, str) and 0 < len(one) <= LONGEST_LABEL and one.isprintable() for one in model.labels):
        return f"must have labels of 1 to {LONGEST_LABEL} printable characters"
    if not 0 < model.threshold < 1:
        return f"must have a threshold between 0 and 1, and has {model.threshold!r}"
    if model.floor is not None or model.decimals is not None or model.segments or model.similar_by is not None:
        return "answers with labels, which have no floor, decimals, segments or similar rows"
    return ""
