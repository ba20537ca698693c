"""Answers and their reasons as people and programs see them."""

from __future__ import annotations

from typing import Any

import msgspec
from rich.table import Table
from rich.text import Text

from assay.cli import show
from assay.domain.model import Model
from assay.domain.prediction import Explanation, Part, Prediction
from assay.serving.explain import explain
from assay.serving.loaded import LoadedVersion

BAR = 24


def explain_questions(version: LoadedVersion, body: bytes, answers: list[Prediction]) -> list[Explanation]:
    """The reasons of answers that were just given, in their order."""
    questions, _ = version.reader.read(body)
    found = []
    for question, answer in zip(questions, answers, strict=True):
        _, base, parts = explain(version, question)
        kept = msgspec.structs.asdict(answer)
        found.append(Explanation(**kept, base=base, parts=parts))
    return found


def show_answers(
    answers: list[Prediction], reasons: list[Explanation] | None, model: Model[Any], *, single: bool, as_json: bool
) -> None:
    """One answer for one question, a list for a list."""
    shown: list[Any] = list(reasons or answers)
    if as_json:
        show.tell_json(shown[0] if single else shown)
        return
    out = show.console()
    if len(answers) > 1 and reasons is None:
        head = f"{model.target} [{model.unit}]" if model.unit else model.target
        made = show.table("question", head, "version", "id", right=["question", head, "version"])
        for place, one in enumerate(answers, 1):
            made.add_row(*show.row(str(place), figure(one.prediction, model), str(one.version), one.id))
        out.print(made)
        return
    for one in shown:
        said = Text.assemble((f"{figure(one.prediction, model)} {model.unit}".rstrip(), "bold"))
        out.print(said + Text(f"   {model.name} version {one.version}, recorded as {one.id}", style="dim"))
        if isinstance(one, Explanation):
            out.print(reasons_table(one, model))


def figure(value: Any, model: Model[Any]) -> str:
    """An answer in the model's own precision; of labels those that count as yes, of recordings with their seconds."""
    if isinstance(value, dict):
        said = [_counted(label, told, model.threshold) for label, told in value.items()]
        return ", ".join(part for part in said if part) or f"nothing of {model.threshold:g} or more"
    return f"{value:,.{model.decimals}f}" if model.decimals is not None else f"{value:,.6g}"


def _counted(label: str, told: Any, threshold: float) -> str:
    if not isinstance(told, list):
        return f"{label} {told:.2f}" if told is not None and told >= threshold else ""
    seconds = [(second, one) for second, one in enumerate(told) if one is not None and one >= threshold]
    return ", ".join(f"{label} {one:.2f} at {second} s" for second, one in seconds)


def reasons_table(found: Explanation, model: Model[Any]) -> Table:
    """From the base to the answer, the largest part first, a bar each."""
    head = f"adds [{model.unit}]" if model.unit else "adds"
    made = show.table("feature", "value", head, "", right=[head])
    largest = max((abs(part.contribution) for part in found.parts), default=0) or 1
    made.add_row(*show.row("mean answer", "", figure(found.base, model), "", style="dim"))
    for part in sorted(found.parts, key=lambda one: -abs(one.contribution)):
        made.add_row(*show.row(part.feature, str(part.value), f"{part.contribution:+,.2f}"), _bar(part, largest))
    made.add_row(*show.row("answer", "", figure(found.prediction, model), "", style="bold"))
    return made


def _bar(part: Part, largest: float) -> Text:
    length = max(1, round(BAR * abs(part.contribution) / largest)) if part.contribution else 0
    return Text("█" * length, style="green" if part.contribution > 0 else "red")
