"""`assay promote --prove`: a promotion under the eyes of real questions, and the report that is kept of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec

from assay.clock import new_id, now_us
from assay.domain.answer import Answer
from assay.domain.releases.rollout import Rollout
from assay.domain.releases.verdict import Check, Verdict
from assay.errors import NotServing
from assay.releasing.prove import Prober, Proof
from assay.serving.predict import predict

if TYPE_CHECKING:
    from assay.app import Assay


class Running(msgspec.Struct, frozen=True):
    """What a running server says of itself in its home folder."""

    url: str


def promote_and_prove(assay: Assay, model: str, number: int, *, by: str, reason: str) -> tuple[Rollout, Proof]:
    """Promotes under a load of the version's golden questions, and keeps what was seen as a verdict.

    Raises NotServing where no server has this home, and what a promotion raises.
    """
    url = server_url(assay)
    ruling = assay.ruling(model)
    versions = [assay.version(model, one) for one in sorted({ruling.version, number})]
    questions = list(assay.loader.manifest(versions[-1]).golden.questions)
    right = {one.number: _answers(assay, one, questions) for one in versions}
    prober = Prober(url, model, questions, right)
    decided, proof = prober.during(lambda: assay.promote(model, number, by=by, reason=reason))
    check = Check(name="switch", passed=proof.holds, detail=proof.sentence())
    assay.verdicts.add(
        Verdict(
            id=new_id(),
            at=now_us(),
            model=model,
            version=number,
            kind="proof",
            outcome="passed" if proof.holds else "failed",
            against=ruling.version,
            checks=(check,),
            evidence=asdict(proof) | {"versions": {str(key): count for key, count in proof.versions.items()}},
            by=by,
        )
    )
    return decided, proof


def server_url(assay: Assay) -> str:
    """The address of the server that has this home; raises NotServing."""
    try:
        return msgspec.json.decode((assay.home / "serve.json").read_bytes(), type=Running).url
    except (OSError, msgspec.DecodeError) as missing:
        raise NotServing(
            "No server has this home folder; start `assay serve`, or promote without --prove."
        ) from missing


def _answers(assay: Assay, version: Any, questions: list[dict[str, Any]]) -> list[Answer]:
    loaded = assay.loader.load(version)
    return predict(loaded, [loaded.reader.take(question) for question in questions])
