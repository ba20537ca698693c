"""`/v1/models`: what is served, its versions with their metrics, and who rules and ruled."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from assay.app import Assay
from assay.clock import iso
from assay.domain.releases.rollout import Rollout
from assay.domain.version import Version
from assay.errors import ModelNotFound
from assay.web.control.described import answers
from assay.web.control.parameters import Parameters, version_number
from assay.web.control.records import json_response
from assay.web.process import Process

router = APIRouter(tags=["models"])


@router.get("/v1/models", **answers("Model", many="list"))
async def all_models(request: Request) -> Response:
    """Every model with the version that rules it."""
    Parameters(request)
    return json_response({"results": await run_in_threadpool(_models, request.app.state.assay)})


@router.get("/v1/models/{name}", **answers("Model"))
async def one_model(request: Request, name: str) -> Response:
    """One model: its contract (fields, ranges, units), its versions and who rules."""
    Parameters(request)
    process: Process = request.app.state.process
    served = await process.served(name)
    versions = await run_in_threadpool(process.assay.versions.all, name)
    rollout = await run_in_threadpool(process.assay.rollouts.ruling, name)
    contract = served.ruling.contract if served.ruling else None
    found = model_json(name, versions, rollout)
    if contract is not None:
        found |= {
            "input": contract.json_schema(),
            "target": msgspec.to_builtins(contract.target),
            "metric": contract.metric,
        }
    return json_response(found)


@router.get("/v1/models/{name}/versions", **answers("Version", many="list"))
async def all_versions(request: Request, name: str) -> Response:
    """Every version, the newest first, with its metrics overall and by segment; failed and broken ones too."""
    Parameters(request)
    versions = await run_in_threadpool(request.app.state.assay.versions.all, name)
    if not versions:
        raise ModelNotFound(name)
    return json_response({"results": [version_json(one) for one in versions]})


@router.get("/v1/models/{name}/versions/{number}", **answers("Version"))
async def one_version(request: Request, name: str, number: str) -> Response:
    """One version with its metrics, parameters, seed, data digest, code digest and library versions."""
    Parameters(request)
    found = await run_in_threadpool(request.app.state.assay.versions.find, name, version_number(name, number))
    return json_response(version_json(found))


@router.get("/v1/models/{name}/rollouts", **answers("Rollout", many="list"))
async def all_rollouts(request: Request, name: str) -> Response:
    """Every decision who answers, the newest first."""
    Parameters(request)
    history = await run_in_threadpool(request.app.state.assay.rollouts.history, name)
    if not history:
        raise ModelNotFound(name)
    return json_response({"results": [rollout_json(one) for one in history]})


def _models(assay: Assay) -> list[dict[str, Any]]:
    return [model_json(name, assay.versions.all(name), assay.rollouts.ruling(name)) for name in assay.versions.models()]


def model_json(name: str, versions: list[Version], rollout: Rollout | None) -> dict[str, Any]:
    """A model in brief."""
    ruling = next((one for one in versions if rollout and one.number == rollout.version), None)
    return {
        "name": name, "version": ruling.number if ruling else None, "recipe": ruling.recipe if ruling else None,
        "metrics": ruling.metrics if ruling else {}, "since": iso(rollout.at) if rollout else None, "versions": len(versions),
    }  # fmt: skip


def version_json(version: Version) -> dict[str, Any]:
    """A version in full."""
    return msgspec.structs.asdict(version) | {"created_at": iso(version.created_at)}


def rollout_json(rollout: Rollout) -> dict[str, Any]:
    """A decision in full."""
    return msgspec.structs.asdict(rollout) | {"at": iso(rollout.at)}
