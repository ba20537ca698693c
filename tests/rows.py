"""Rows of the record and nouns of the registry, for tests that need some and care for few of their values."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from assay.clock import new_id, now_us
from assay.domain.dataset import Dataset
from assay.domain.evaluation import Evaluation
from assay.domain.items.item import Item, Sound
from assay.domain.releases.rollout import Rollout
from assay.domain.version import Version
from assay.store.database import Values
from assay.store.record import exchanges, predictions


def exchange_values(**told: Any) -> Values:
    """An exchange as the recorder takes it."""
    made = {
        "id": new_id(), "at": now_us(), "method": "POST", "path": "/x", "query": "", "status": 200, "took_us": 5,
        "request": b"{}", "response": b"[]", "request_size": 2, "response_size": 2, "response_digest": None,
        "idempotency_key": None, "replay_of": None,
    } | told  # fmt: skip
    return tuple(made[name] for name in exchanges.COLUMNS)


def prediction_values(**told: Any) -> Values:
    """A prediction as the recorder takes it."""
    made = {
        "id": new_id(), "at": now_us(), "model": "stone", "version": 1, "role": "answer", "question": '{"carat":1}',
        "answer": "2.5", "value": 2.5, "took_us": 5, "exchange": None, "position": 0,
    } | told  # fmt: skip
    return tuple(made[name] for name in predictions.COLUMNS if name in made)  # outside an experiment it names none


def dataset(**told: Any) -> Dataset:
    """A dataset."""
    made: dict[str, Any] = {
        "id": "ab" * 32, "model": "stone", "created_at": now_us(), "source": "data.py", "rows": 298, "removed": 2,
        "columns": {"carat": "Float64", "cut": "String"},
    }  # fmt: skip
    return Dataset(**(made | told))


def version(**told: Any) -> Version:
    """A version that is not numbered yet."""
    made: dict[str, Any] = {
        "model": "stone", "number": 0, "recipe": "linear", "status": "ready", "created_at": now_us(),
        "dataset": "ab" * 32, "manifest": "cd" * 32, "engine": "onnx", "parameters": {"depth": 3, "rate": 0.1},
        "metrics": {"mae": 10.5, "r2": 0.9}, "segments": {"carat 0-1": {"rows": 5.0, "mae": 1.5}}, "seed": 42,
        "code_digest": "ef" * 32, "libraries": {"python": "3.11"}, "train_rows": 238, "test_rows": 60, "took_ms": 12,
    }  # fmt: skip
    return Version(**(made | told))


def evaluation(**told: Any) -> Evaluation:
    """An evaluation."""
    made: dict[str, Any] = {
        "id": new_id(), "at": now_us(), "model": "stone", "version": 1, "dataset": "ab" * 32, "split": "held-out",
        "rows": 60, "metrics": {"mae": 10.5}, "segments": {"carat 0-1": {"rows": 5.0}},
    }  # fmt: skip
    return Evaluation(**(made | told))


def rollout(version: int, **told: Any) -> Rollout:
    """A decision for this version."""
    made: dict[str, Any] = {
        "id": new_id(), "at": now_us(), "model": "stone", "version": version, "by": "a test", "reason": "why not"
    }  # fmt: skip
    return Rollout(**(made | told))


def item(name: str = "one.wav", **told: Any) -> Item:
    """An item, by a digest that its name gives unless told otherwise."""
    made: dict[str, Any] = {
        "id": new_id(), "at": now_us(), "collection": "files", "name": name, "digest": sha256(name.encode()).hexdigest(),
        "size": 16_044, "sound": Sound(format="wav", rate=8_000, channels=1, frames=8_000), "by": "a test",
    }  # fmt: skip
    return Item(**(made | told))
