"""A version is registered complete or not at all, and one that fails its proof is kept as broken."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from assay.domain.version import Manifest, Version
from assay.errors import ArtifactRejected, ModelFailed, ModelTimedOut, StoreUnavailable, VersionRejected
from assay.releasing.register import GOLDEN_ROWS, Parts, Registrar
from assay.store.database import Database
from assay.store.datasets import Datasets
from assay.store.evaluations import Evaluations
from assay.store.files.artifacts import Artifacts
from assay.store.versions import Versions
from tests import rows, tiny

PARTS = Parts(
    contract=tiny.CONTRACT, pipeline=b"the pipeline", graph=b"the graph", rows=b"the rows", engine_note="equal",
    questions=[tiny.QUESTION | {"carat": 1.0 + i} for i in range(40)], trusted=("mine.Class",),
)  # fmt: skip


def by_weight(_: Manifest, questions: list[dict[str, Any]]) -> list[float]:
    return [10 * question["carat"] for question in questions]


def registrar(database: Database, artifacts: Artifacts, **told: Any) -> Registrar:
    return Registrar(database, artifacts, **({"verify": lambda _: None, "answer": by_weight} | told))


def refuse(error: Exception) -> Any:
    def refusing(*_: Any) -> Any:
        raise error

    return refusing


def test_a_registered_version_is_whole(database: Database, artifacts: Artifacts, versions: Versions) -> None:
    seen: list[Version] = []
    made = registrar(database, artifacts, verify=seen.append).register(
        rows.version(manifest=None), PARTS, rows.dataset()
    )
    assert (made.number, made.status, made.engine) == (1, "ready", "onnx")
    assert versions.find("stone", 1) == made
    manifest = msgspec.json.decode(artifacts.get(made.manifest or ""), type=Manifest)
    assert {name: artifacts.get(file.sha256) for name, file in manifest.files.items()} == {
        "pipeline": b"the pipeline", "graph": b"the graph", "rows": b"the rows",
    }  # fmt: skip
    assert manifest.files["graph"].size == len(b"the graph")
    assert manifest.golden.questions == tuple(PARTS.questions[:GOLDEN_ROWS])
    assert manifest.golden.answers == tuple(by_weight(manifest, PARTS.questions[:GOLDEN_ROWS]))
    assert (manifest.contract, manifest.trusted, manifest.engine_note) == (tiny.CONTRACT, ("mine.Class",), "equal")
    assert [one.manifest for one in seen] == [made.manifest]


def test_dataset_and_evaluation_are_registered_with_it(database: Database, artifacts: Artifacts) -> None:
    made = registrar(database, artifacts).register(rows.version(), PARTS, rows.dataset())
    assert Datasets(database).find("stone", made.dataset) is not None
    (evaluation,) = Evaluations(database).all("stone", 1)
    assert (evaluation.metrics, evaluation.split, evaluation.rows) == (made.metrics, "held-out", made.test_rows)


def test_without_a_graph_the_pipeline_is_what_answers(database: Database, artifacts: Artifacts) -> None:
    parts = Parts(
        contract=PARTS.contract, pipeline=b"p", graph=None, rows=b"r", engine_note="cannot be compiled", questions=[]
    )
    made = registrar(database, artifacts).register(rows.version(), parts, rows.dataset())
    manifest = msgspec.json.decode(artifacts.get(made.manifest or ""), type=Manifest)
    assert (made.engine, manifest.engine, set(manifest.files)) == ("native", "native", {"pipeline", "rows"})


@pytest.mark.parametrize(
    "refusal",
    [ArtifactRejected("damaged"), VersionRejected("golden"), ModelFailed("no answer"), ModelTimedOut("too slow")],
    ids=lambda refusal: type(refusal).__name__,
)
@pytest.mark.parametrize("step", ["verify", "answer"])
def test_a_version_that_fails_its_proof_is_kept_as_broken_with_the_reason(
    database: Database, artifacts: Artifacts, versions: Versions, step: str, refusal: Exception
) -> None:
    made = registrar(database, artifacts, **{step: refuse(refusal)}).register(rows.version(), PARTS, rows.dataset())
    assert (made.status, made.error) == ("broken", str(refusal))
    assert versions.find("stone", 1) == made


def test_a_failed_run_is_history_without_an_evaluation(
    database: Database, artifacts: Artifacts, versions: Versions
) -> None:
    failed = rows.version(status="failed", manifest=None, metrics={}, segments={}, error="no")
    made = registrar(database, artifacts).keep(failed, rows.dataset())
    assert versions.all("stone") == [made]
    assert Evaluations(database).all("stone", 1) == []


def test_what_fails_half_way_leaves_nothing_that_can_be_seen(
    database: Database, artifacts: Artifacts, versions: Versions
) -> None:
    unstorable = rows.version(seed=2**70)
    with pytest.raises((StoreUnavailable, OverflowError)):
        registrar(database, artifacts).register(unstorable, PARTS, rows.dataset())
    assert versions.all("stone") == []
    assert Datasets(database).all("stone") == []
