"""What both networks must do, as checks of a fitted one."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score

from assay.serving.engines.compile import compile_pipeline, prove
from assay.store.files.formats import dump_pipeline, load_pipeline
from tests.recipes.audio.spoken import CONTRACT, windows

TO_LEARN, TO_ASK = windows(180, 1), windows(100, 2)


def check_network(fitted: Any, again: Any, other: Any) -> None:
    """`again` was fitted like `fitted`, and `other` with another seed."""
    heard, truth = TO_ASK
    told = fitted.predict_proba(heard)
    assert average_precision_score(truth, told, average="macro") > 0.95
    assert ((told >= 0.5) == truth).mean() > 0.96
    assert np.array_equal(told, again.predict_proba(heard))
    assert np.abs(told - other.predict_proba(heard)).max() > 1e-3
    graph = compile_pipeline(fitted, CONTRACT)
    assert graph == compile_pipeline(again, CONTRACT)
    assert graph != compile_pipeline(other, CONTRACT)
    proof = prove(graph, fitted, heard, CONTRACT)
    assert proof.batch_invariant
    assert proof.max_difference < 1e-5
    stored = load_pipeline(dump_pipeline(fitted, ()), ())
    assert np.array_equal(stored.predict_proba(heard), told)
    assert compile_pipeline(stored, CONTRACT) == graph
    assert all(type(one) is np.ndarray and one.dtype == np.float32 for one in fitted.weights_.values())
