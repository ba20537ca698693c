"""`assay predict`: answers to questions, one, some, or a file full of them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from assay.cli.options import MOST, Asked, Place, Verb, application, shared

TABLES = (".csv", ".parquet", ".jsonl", ".ndjson")


@click.command(cls=Verb, short_help="Answer questions, one, some or a table.")
@application
@click.argument("question", metavar="[QUESTION]", required=False)
@click.option(
    "--file",
    type=Place(),
    metavar="PATH",
    help="The question as a JSON file, or a table (CSV, Parquet, JSONL) of questions.",
)
@click.option("--out", type=Place(), metavar="PATH", help="Where a table's answers go: a CSV, Parquet or JSONL file.")
@click.option(
    "--version",
    "number",
    type=click.IntRange(1, MOST),
    metavar="NUMBER",
    help="Ask this version.  [default: the one that answers]",
)
@click.option("--explain", is_flag=True, help="Say also what each feature adds to the answer.")
@shared
def predict(
    asked: Asked, *, question: str | None, file: Path | None, out: Path | None, number: int | None,
    explain: bool,
) -> None:  # fmt: skip
    """Answer QUESTION, a JSON object or a list of them; - reads it from standard input.

    Answers are recorded as predictions. Those of a table are not part of the record: they are written to the file
    that --out names, each with its version. A row that cannot be answered is written with the reason, and the exit
    status is then 1.
    """
    table = file is not None and file.suffix.lower() in TABLES
    if (question is None) == (file is None):
        raise click.UsageError("Say either QUESTION (- for standard input) or --file.")
    if table and explain:
        raise click.UsageError("--explain is for questions, not for a table.")
    if file is not None and table:
        _score(asked, number, file, out)
    elif out is not None:
        raise click.UsageError(f"--out is for a table, a --file ending in {', '.join(TABLES)}.")
    else:
        _ask(asked, number, _body(question, file), explain=explain)


def _score(asked: Asked, number: int | None, file: Path, out: Path | None) -> None:
    from assay.cli.opened import opened
    from assay.cli.views.tables import score_file

    if out is None or out.suffix.lower() not in TABLES:
        raise click.UsageError(f"A table needs --out PATH for its answers, a file ending in {', '.join(TABLES)}.")
    with opened(asked) as (assay, model):
        version = assay.loader.load(assay.version(model.name, number))
        whole = score_file(version, file, out, as_json=asked.as_json)
    if not whole:
        click.get_current_context().exit(1)


def _ask(asked: Asked, number: int | None, body: bytes, *, explain: bool) -> None:
    from assay.cli.opened import opened
    from assay.cli.views.answers import explain_questions, show_answers

    with opened(asked) as (assay, model):
        version = assay.version(model.name, number)
        answers = assay.predict(model.name, body, version.number)
        reasons = explain_questions(assay.loader.load(version), body, answers) if explain else None
        show_answers(answers, reasons, model, single=body.lstrip()[:1] == b"{", as_json=asked.as_json)


def _body(question: str | None, file: Path | None) -> bytes:
    if file is not None:
        return file.read_bytes()
    if question == "-":
        return bytes(sys.stdin.buffer.read())
    return os.fsencode(question or "")
