"""The commands, one verb each, in the order in which help lists them."""

from __future__ import annotations

from assay.cli.commands.compare import compare
from assay.cli.commands.db import db
from assay.cli.commands.export import export
from assay.cli.commands.jobs import jobs, work
from assay.cli.commands.judgement import approve, replay, verdicts, watch
from assay.cli.commands.predict import predict
from assay.cli.commands.reload import reload
from assay.cli.commands.serve import serve
from assay.cli.commands.train import train
from assay.cli.commands.versions import evaluate, promote, rollback, versions

COMMANDS = (
    train, versions, evaluate, compare, verdicts, watch, approve, promote, rollback, predict, replay, export, serve, reload,
    jobs, work, db,
)  # fmt: skip
