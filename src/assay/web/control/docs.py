"""`/docs` and `/openapi.json`: the documentation page, served from here, with each model's real input type."""

from __future__ import annotations

from importlib import resources
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi

from assay.domain.question.contract import Contract
from assay.domain.question.field import example_of
from assay.errors import RouteNotFound
from assay.web.control import described
from assay.web.control.records import json_response
from assay.web.process import Process

router = APIRouter(include_in_schema=False)
ASSETS = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css", "favicon-32x32.png": "image/png"}
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="/docs/favicon-32x32.png"><link rel="stylesheet" href="/docs/swagger-ui.css"></head>
<body><div id="page"></div><script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body></html>
"""
START = (
    'SwaggerUIBundle({url: "/openapi.json", dom_id: "#page", deepLinking: true, displayRequestDuration: true,'
    " tryItOutEnabled: true, validatorUrl: null});\n"
)
MOST_LABELS = 20  # that a description names
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self';"
    " frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


@router.get("/docs")
async def page(request: Request) -> Response:
    """The documentation page."""
    headers = {"content-security-policy": POLICY, "x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}
    return Response(PAGE.format(title=request.app.title), headers=headers, media_type="text/html")


@router.get("/docs/{name}")
def asset(name: str) -> Response:
    """A file of the documentation page."""
    headers = {"cache-control": "max-age=3600", "x-content-type-options": "nosniff"}
    if name == "start.js":
        return Response(START, headers=headers, media_type="text/javascript")
    if name not in ASSETS:
        raise RouteNotFound
    data = resources.files("fastapi_swagger").joinpath("resources", name).read_bytes()
    return Response(data, headers=headers, media_type=ASSETS[name])


@router.get("/openapi.json")
async def document(request: Request) -> Response:
    """The OpenAPI document."""
    return json_response(request.app.openapi())


def openapi(api: FastAPI, process: Process) -> dict[str, Any]:
    """The control plane's document, with the routes of each served model and its own input type."""
    made = get_openapi(
        title=api.title, version="1", openapi_version="3.1.0", description=described.ABOUT, routes=api.routes
    )
    components = made.setdefault("components", {}).setdefault("schemas", {})
    components |= described.components() | {"Problem": PROBLEM}
    for unused in ("HTTPValidationError", "ValidationError"):  # FastAPI's own, which nobody is sent here
        components.pop(unused, None)
    for responses in [one["responses"] for path in made["paths"].values() for one in path.values()]:
        if "HTTPValidationError" in str(responses.get("422")):
            responses["422"] = REFUSAL
        responses.setdefault("default", REFUSAL)
    for generic in [path for path in made["paths"] if path.endswith(("/explain", "/similar")) and "{name}" in path]:
        del made["paths"][generic]
    for name, served in process.shelf.served.items():
        if served.ruling is not None:
            contract = served.ruling.contract
            components[f"{name}.Question"] = contract.json_schema()
            made["paths"] |= _model_paths(name, contract)
    described.complete(made)
    made["tags"] = [{"name": name, "description": text} for name, text in described.TAGS.items()]
    return made


def _model_paths(name: str, contract: Contract) -> dict[str, Any]:
    one: dict[str, Any] = {"$ref": f"#/components/schemas/{name}.Question"}
    many = {"oneOf": [one, {"type": "array", "items": one, "minItems": 1}]}
    answer: dict[str, Any] = {"$ref": "#/components/schemas/Prediction"}
    answers = {"oneOf": [answer, {"type": "array", "items": answer}]}
    example = example_of(contract.fields)
    said = f"{_sought(contract)} One object gives one answer, a list gives answers in its order, all by one version."
    found: dict[str, Any] = {}
    for path, extra in ((f"/v1/models/{name}", []), (f"/v1/models/{name}/versions/{{number}}", [NUMBER])):
        predict = _operation(f"Predict {contract.target.name}", said, many, answers, example, extra)
        found[f"{path}/predict"] = {"post": described.preferable(predict)}
        if not contract.target.labels:
            explained = {"$ref": "#/components/schemas/Explanation"}
            reasons = "The answer with its reasons: base + every contribution = prediction."
            found[f"{path}/explain"] = {
                "post": _operation(
                    f"Explain a predicted {contract.target.name}", reasons, one, explained, example, extra
                )
            }
        if contract.similar is not None:
            needed = (*contract.similar.equal, contract.similar.nearest)
            like = {
                "type": "object",
                "properties": {key: contract.fields[key].json_schema() for key in needed},
                "required": list(needed),
            }
            text = f"Training rows with equal {', '.join(contract.similar.equal)}, the nearest in {contract.similar.nearest} first."
            whole = {"type": "integer", "minimum": 1, "maximum": 1000, "default": 5}
            n = {"name": "n", "in": "query", "schema": whole, "description": "at most so many rows"}
            rows = {"type": "object", "properties": {"rows": {"type": "array", "items": {"type": "object"}}}}
            shown = {key: example[key] for key in needed}
            found[f"{path}/similar"] = {
                "post": _operation("Find similar training rows", text, like, rows, shown, [*extra, n])
            }
    for path, operations in found.items():
        operations["post"]["operationId"] = path.removeprefix("/v1/models/").translate(IDENTIFIED)
    return found


def _sought(contract: Contract) -> str:
    """What the prediction is, in a sentence."""
    target = contract.target
    if not target.labels:
        return f"`{target.name}`{f' in {target.unit}' if target.unit else ''}."
    by_second = ", one a second of the recording" if contract.audio is not None else ""
    known = ", ".join(target.labels[:MOST_LABELS]) + (", …" if len(target.labels) > MOST_LABELS else "")
    return (
        f"`{target.name}`: the confidence in each of {len(target.labels):,} labels ({known}), from 0 to 1{by_second}."
    )


def _operation(
    summary: str, description: str, asked: dict[str, Any], answered: dict[str, Any], example: Any, parameters: list[Any]
) -> dict[str, Any]:
    return {
        "tags": ["predictions"], "summary": summary, "description": description, "parameters": parameters,
        "requestBody": {"required": True, "content": {"application/json": {"schema": asked, "example": example}}},
        "responses": {
            "200": {"description": "Answered and recorded", "content": {"application/json": {"schema": answered}}},
            **{str(status): REFUSAL for status in (400, 404, 406, 409, 413, 415, 422, 500, 503, 504)},
        },
    }  # fmt: skip


IDENTIFIED = str.maketrans("/", "_", "{}")
NUMBER = {
    "name": "number", "in": "path", "required": True, "schema": {"type": "integer"}, "description": "the version",
}  # fmt: skip
REFUSAL = {
    "description": "Refused; `errors` names the field and what is allowed",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance", "code"],
    "properties": {
        "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"},
        "instance": {"type": "string", "description": "the request's id"}, "code": {"type": "string"},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/Fault"}},
    },
}  # fmt: skip
