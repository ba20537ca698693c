"""What the routes answer with, as OpenAPI describes it: statuses, schemas, tags, and parameters in words."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from assay.domain.exchange import Exchange
from assay.domain.outcome import Outcome
from assay.domain.prediction import Explanation, Prediction
from assay.domain.releases.rollout import Rollout
from assay.domain.releases.verdict import Verdict
from assay.domain.version import Version
from assay.errors import Fault
from assay.store.audit import Action
from assay.store.record.predictions import Recorded

ABOUT = (
    "Every answer and every refusal is recorded and carries its id as `X-Request-ID`. Refusals are"
    " `application/problem+json` (RFC 9457): `code` is for programs, `errors` names each field and what is allowed."
    " Times are ISO 8601 in UTC. Lists come newest first; `next` is the address of the next page, or null."
)
TAGS = {
    "application": "The application's own routes.",
    "predictions": "Questions to a model: answers, their reasons, and training rows that are like the question.",
    "models": "What is served, its versions with their metrics, and trainings.",
    "releases": "Who answers and answered, what was found about each version, and who changed what.",
    "datasets": "Rows that clients give under a name, and the snapshots that versions have learnt from.",
    "items": "Inputs that are kept, so that each new version scores them again.",
    "features": "What is and was known of entities, by which models learn and answer.",
    "queries": "Many questions to one version, asked batch by batch and read page by page.",
    "record": "Every exchange, every prediction, and what the predictions should have been.",
    "jobs": "What is done in the background.",
    "health": "Whether the process lives, and whether it can answer.",
}
SAID = {
    200: "Answered", 201: "Made", 202: "Accepted; `Location` is the job's address", 204: "Done; there is no body",
    503: "Not ready; `missing` says why",
}  # fmt: skip
NAMED = {"name": "the model", "id": "the id", "number": "the version", "label": "the client's own name for the version"}
IDS = (
    ("/v1/datasets/{name}", "name", "the dataset"), ("/v1/jobs/{id}", "id", "the job"),
    ("/v1/queries/{id}", "id", "the query"), ("/v1/verdicts/{id}", "id", "the verdict"),
    ("/v1/exchanges/{id}", "id", "the exchange: the `X-Request-ID` of its response"),
    ("/v1/predictions/{id}", "id", "the prediction"), ("/v1/models/{name}/datasets/{id}", "id", "the snapshot"),
    ("/v1/items/{collection}", "collection", "the collection"), ("/v1/sweeps/{collection}", "collection", "the collection"),
    ("/v1/items/{collection}/{name}", "name", "the item"),
    ("/v1/features/{features}", "features", "the feature table"),
    ("/v1/features/{features}/{entity}", "entity", "the entity's key"),
)  # fmt: skip
GIVEN = {
    "description": "a number in the target's unit; of labels the confidence in each, of a recording one a second",
    "oneOf": [{"type": "number"}, {"type": "object"}],
}
PREFERABLE = (
    ("Prefer", "`respond-async` to be answered later, `wait=5` to wait so many seconds for the answer"),
    ("Webhook-URL", "who is told of the end, with `Prefer`"),
    ("Idempotency-Key", "the same key with the same body is answered once"),
)
MOMENT = {"type": "string", "format": "date-time"}
BYTES = {"description": 'text; `{"base64": …}` where it is none; null where there is none'}
CLAUSE = re.compile(r"[:;.](?:\s|$)")


def shape(told: str) -> dict[str, Any]:
    """An object's schema from words such as `id:string since:string? metrics:object`; `?` is for null."""
    properties: dict[str, Any] = {}
    for word in told.split():
        name, _, kind = word.partition(":")
        properties[name] = {"type": [kind[:-1], "null"] if kind.endswith("?") else kind}
    return {"type": "object", "properties": properties}


SHAPES = {
    "Model": shape("name:string version:integer? recipe:string? metrics:object since:string? versions:integer"),
    "Ruling": shape(
        "model:string champion:integer since:string previous:integer? by:string reason:string verdict:string?"
        " experiment:string? arms:array shadows:array"
    ),
    "Experiment": shape(
        "model:string unit:string metric:string experiment:string mode:string main:integer since:string until:string?"
        " looked_from:string whole:boolean arms:array shadows:array items:array"
    ),
    "Job": shape(
        "id:string verb:string model:string? state:string attempts:integer max_attempts:integer cancel_requested:boolean"
        " progress:object created_at:string started_at:string? finished_at:string? arguments:object error:object?"
        " log:string links:object"
    ),
    "NamedDataset": shape("name:string model:string created_at:string rows:integer removed:integer parts:array"),
    "Snapshot": shape(
        "id:string source:string rows:integer fresh:integer removed:integer held_out:integer duplicates:integer"
        " parts:array parent:string? created_at:string"
    ),
    "Appended": shape("dataset:string upload:string rows:integer removed:integer reasons:object deduplicated:boolean"),
    "Collection": shape("name:string models:array items:integer refused:integer longest_seconds:number"),
    "Item": shape(
        "name:string collection:string id:string digest:string size:integer format:string rate:integer channels:integer"
        " duration:integer duration_seconds:number notes:array origin:string added_at:string content:string"
    ),
    "ItemScores": shape(
        "name:string collection:string item:string digest:string duration:integer duration_seconds:number status:string"
        " failing:array results:array next_cursor:string? next:string?"
    ),
    "Made": shape(
        "id:string item:string model:string version:integer run:integer scored_at:string took_ms:number seconds:integer"
        " stands:boolean"
    ),
    "Sweep": shape(
        "collection:string model:string version:integer run:integer decision:integer stands:boolean state:string"
        " wanted:integer scored:integer left:integer failing:integer reasons:array resting:object? began_at:string?"
        " finished_at:string? model_s:number spent_s:number rate:number? expected_at:string? job:object?"
    ),
    "FeatureTable": shape("name:string key:string form:string schema:object"),
    "Entity": shape("features:string entity:string values:object at:string ended_at:string? by:string"),
    "FeaturesKept": shape("features:string rows:integer added:integer changed:integer unchanged:integer"),
    "Query": shape("id:string location:string model:string version:integer"),
    "Batch": shape("batch:integer rows:integer"),
    "Answers": shape("results:array next:string? total:integer pages:integer closed:boolean"),
    "Health": shape("status:string models:object missing:object unsafe:array"),
    "Root": shape("service:string documentation:string openapi:string predict:object"),
}


def answers(name: str = "", *statuses: int, many: str = "") -> dict[str, Any]:
    """What a route's decorator is told: its statuses (200), the usual one first, and the schema of what it answers.

    `many` is "list" for all entries at once and "page" for a page of them.
    """
    schema: dict[str, Any] = {"$ref": f"#/components/schemas/{name}"}
    if many:
        properties = {"results": {"type": "array", "items": schema}}
        if many == "page":
            properties |= shape("next_cursor:string? next:string?")["properties"]
        schema = {"type": "object", "properties": properties}
    content = {"content": {"application/json": {"schema": schema}}} if name else {}
    sent = statuses or (200,)
    return {"status_code": sent[0], "responses": {one: {"description": SAID[one], **content} for one in sent}}


def components() -> dict[str, Any]:
    """Every schema that `answers` may name, and those of questions' answers."""
    kinds = (Prediction, Explanation, Fault, Version, Rollout, Verdict, Action, Exchange, Recorded, Outcome)
    _, found = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    for name, moment in (("Version", "created_at"), *((kind.__name__, "at") for kind in kinds[4:])):
        found[name]["properties"][moment] = MOMENT
    found["Prediction"]["properties"]["prediction"] = GIVEN
    found["Exchange"]["properties"] |= {"request": BYTES, "response": BYTES}
    result = {"result": {"description": "what came of it, as its verb says it; null until then"}}
    job = SHAPES["Job"] | {"properties": SHAPES["Job"]["properties"] | result}
    return found | SHAPES | {"Job": job}


def preferable(operation: dict[str, Any]) -> dict[str, Any]:
    """The operation with what a client may prefer, and what it is then answered."""
    headers = [
        {"name": name, "in": "header", "description": said, "schema": {"type": "string"}} for name, said in PREFERABLE
    ]
    job = {"application/json": {"schema": {"$ref": "#/components/schemas/Job"}}}
    accepted = {"202": {"description": SAID[202], "content": job}}
    return operation | {
        "parameters": [*operation["parameters"], *headers],
        "responses": operation["responses"] | accepted,
    }


def complete(made: dict[str, Any]) -> None:
    """Gives each operation a summary in words and each parameter a description, where its author gave none."""
    for path, operations in made["paths"].items():
        known = NAMED | {name: said for prefix, name, said in IDS if path.startswith(prefix)}
        for operation in operations.values():
            operation["summary"] = _summary(operation)
            for parameter in operation.get("parameters", ()):
                if parameter["name"] in known:
                    parameter.setdefault("description", known[parameter["name"]])


def _summary(operation: dict[str, Any]) -> str:
    """The first clause of the description, where the summary is but the function's name (as FastAPI's ids begin)."""
    told: str = operation["summary"]
    made_of_name = operation["operationId"].startswith(told.replace(" ", "_").lower() + "_")
    if not made_of_name or not operation.get("description"):
        return told
    return CLAUSE.split(operation["description"], maxsplit=1)[0].replace("`", "")
