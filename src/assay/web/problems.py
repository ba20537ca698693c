"""The one table from an error to its HTTP status, and the shape in which a refusal is sent (RFC 9457)."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from assay import errors
from assay.domain.given.upload import TYPES
from assay.domain.question.input import NotTaken
from assay.domain.question.reader import MAX_FAULTS
from assay.errors import AssayError, Fault

LONGEST_PART = 80  # that a refusal repeats of a name that a client has chosen
STATUS: dict[type[AssayError], int] = {
    errors.MalformedJson: 400, errors.MalformedEncoding: 400, errors.DuplicateKey: 400, errors.TooDeep: 400,
    errors.BadCursor: 400, errors.BadIdempotencyKey: 400, errors.BodyCutOff: 400, errors.BodyIsPart: 400,
    errors.ModelNotFound: 404, errors.VersionNotFound: 404, errors.NothingSimilar: 404, errors.RouteNotFound: 404,
    errors.JobNotFound: 404, errors.JobEnded: 409, errors.JobNotFailed: 409, errors.LeaseLost: 409,
    errors.DatasetNotFound: 404, errors.QueryNotFound: 404, errors.PredictionNotFound: 404,
    errors.CollectionNotFound: 404, errors.ItemNotFound: 404, errors.FeaturesNotFound: 404, errors.EntityNotFound: 404,
    errors.EntityKeyInvalid: 422, errors.EntityOutdated: 503,
    errors.BadSubject: 400, errors.ExperimentNotFound: 404, errors.ExperimentRunning: 409, errors.ExperimentInvalid: 422,
    errors.MethodNotAllowed: 405, errors.NotAcceptable: 406,
    errors.VersionRejected: 409, errors.NotWaiting: 409, errors.VersionNotReady: 409, errors.PromotionInProgress: 409,
    errors.PromotionOvertaken: 409, errors.IdempotencyInProgress: 409,
    errors.DatasetInUse: 409, errors.LabelTaken: 409, errors.QueryClosed: 409,
    errors.BodyTooLarge: 413, errors.TooManyRows: 413, errors.UriTooLong: 414,
    errors.UnsupportedMediaType: 415, errors.UnsupportedEncoding: 415,
    errors.UnknownHost: 421,
    errors.AudioTooLong: 413, errors.AudioUnsupported: 415, errors.AudioRejected: 422,
    errors.DatasetRejected: 422, errors.ItemRejected: 422, errors.NoNumber: 422,
    errors.QuestionInvalid: 422, errors.ParameterInvalid: 422, errors.IdempotencyMismatch: 422, errors.Unstorable: 422,
    errors.WebhookRejected: 422,
    errors.NothingReleased: 503, errors.Overloaded: 503, errors.Draining: 503, errors.StoreUnavailable: 503,
    errors.ArtifactRejected: 503, errors.NotServing: 503,
    errors.RemoteModelUnreachable: 502, errors.RemoteModelFailed: 502, errors.RemoteModelRefused: 502,
    errors.RemoteModelBadAnswer: 502, errors.RemoteModelResting: 503, errors.RemoteModelAway: 503,
    errors.ModelTimedOut: 504,
    errors.StorageFull: 507,
}  # fmt: skip
TITLES = {
    400: "The request cannot be read", 404: "Not found", 405: "Method not allowed", 406: "Not acceptable", 409: "Conflict",
    413: "Too large", 414: "Address too long", 415: "Unsupported media type", 421: "Unknown host",
    422: "The request is not acceptable", 500: "Internal error", 502: "The remote model did not answer",
    503: "Unavailable", 504: "The model took too long",
    507: "No room",
}  # fmt: skip
RETRY_AFTER_S = {503: b"1", 409: b"1"}
CONTENT_TYPE = b"application/problem+json"
Headers = list[tuple[bytes, bytes]]
# What these say may hold paths or library messages, which are for the log and not for the caller.
_PRIVATE = (
    errors.ArtifactRejected, errors.StoreUnavailable, errors.ModelFailed, errors.Unstorable, errors.ApplicationInvalid,
)  # fmt: skip

# Waiting changes nothing.
_LASTING = (
    errors.VersionRejected, errors.NotWaiting, errors.DatasetInUse, errors.LabelTaken, errors.QueryClosed, errors.JobEnded,
    errors.JobNotFailed, errors.ExperimentRunning, errors.EntityOutdated,
)  # fmt: skip


class PassedOn(AssayError):
    """The refusal of a canonical route, passed on by a route that is another spelling of it."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(body.decode("utf-8", "replace"))
        self.status = status
        self.body = body


class OwnRefusal(AssayError, code="refused"):
    """A refusal by a route of the application's own, with the status that it chose."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.title = next((known.phrase for known in HTTPStatus if known == status), "Refused")


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """A refusal as it is sent; `instance` is the request's id, by which the record knows it.

    `version` is the one that failed, perhaps as an arm of `experiment`, where it was a model's doing.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    errors: tuple[Fault, ...] = ()
    model: str | None = None
    version: int | None = None
    experiment: str | None = None


def status_of(error: AssayError) -> int:
    """The HTTP status of an error; 500 unless the table knows better."""
    if isinstance(error, OwnRefusal):
        return error.status
    return next((status for kind, status in STATUS.items() if isinstance(error, kind)), 500)


def problem_of(error: AssayError, instance: str) -> tuple[int, bytes, Headers]:
    """Status, body and extra headers of a refusal."""
    status = status_of(error)
    detail = (type(error).__doc__ or "").strip() if isinstance(error, _PRIVATE) else str(error)
    title = error.title if isinstance(error, OwnRefusal) else TITLES.get(status, "Error")
    faults: tuple[Fault, ...] = getattr(error, "faults", ())
    body = Problem(
        type="about:blank", title=title, status=status, detail=detail, instance=instance,
        code=code_of(error, faults), errors=faults[:MAX_FAULTS], model=error.model, version=error.version,
        experiment=error.experiment,
    )  # fmt: skip
    headers: Headers = []
    if status in RETRY_AFTER_S and not isinstance(error, _LASTING):
        headers.append((b"retry-after", RETRY_AFTER_S[status]))
    if isinstance(error, errors.MethodNotAllowed):
        headers.append((b"allow", error.allow.encode()))
    if status == 415 and not isinstance(error, errors.AudioUnsupported):  # which is about what was put, not posted
        accepted = (
            ", ".join(("application/json", *TYPES)) if isinstance(error, errors.UnsupportedFile) else "application/json"
        )
        headers.append((b"accept-post", accepted.encode()))
    return status, msgspec.json.encode(body), headers


def code_of(error: AssayError, faults: tuple[Fault, ...]) -> str:
    """The error's code; of a question with faults of one kind, that kind's."""
    if isinstance(error, (errors.DatasetRejected, errors.ItemRejected, errors.AudioRejected)) and error.kind:
        return error.kind
    kinds = {fault.code for fault in faults}
    if isinstance(error, errors.QuestionInvalid) and len(kinds) == 1:
        # a list of questions is refused as a whole: the pointers say which rows
        rows = any(fault.pointer.count("/") > 1 for fault in faults)
        return "row_invalid" if rows else kinds.pop()
    return error.code


def known(error: Exception) -> AssayError:
    """A refusal of the framework's, or of an application's own, in our words."""
    if isinstance(error, AssayError):
        return error
    if isinstance(error, HTTPException):
        return _refusal(error)
    if isinstance(error, RequestValidationError):
        told = error.errors()
        if any(one["type"] == "json_invalid" for one in told):
            return errors.MalformedJson()
        if isinstance(error.body, bytes | FormData) and any(one["loc"] == ("body",) for one in told):
            return errors.UnsupportedMediaType()  # as it was not called JSON, nobody has read it
        return errors.QuestionInvalid(tuple(fault for one in told for fault in _faults(one)))
    return AssayError()


def _refusal(error: HTTPException) -> AssayError:
    allow = (error.headers or {}).get("Allow")
    if error.status_code == 405 and allow:
        return errors.MethodNotAllowed(allow)
    if error.status_code == 404 and error.detail == HTTPStatus.NOT_FOUND.phrase:  # nobody's own words
        return errors.RouteNotFound()
    told: Any = error.detail
    return OwnRefusal(error.status_code, told if isinstance(told, str) else msgspec.json.encode(told).decode())


def _faults(told: Any) -> Iterator[Fault]:
    fault, reason = _fault(told), told.get("ctx", {}).get("error")
    if not isinstance(reason, NotTaken):
        yield fault
        return
    for one in reason.refused.faults:  # whose pointers begin at their own question
        yield msgspec.structs.replace(one, pointer=fault.pointer + one.pointer.removeprefix("#"))


def _fault(told: Any) -> Fault:
    where, *parts = [str(part)[:LONGEST_PART] for part in told["loc"]]
    expected = str(told.get("ctx", {}).get("expected", ""))
    allowed = tuple(word.strip(" '") for word in expected.replace(" or ", ",").split(",")) if expected else ()
    pointer = "#" + "".join(f"/{part}" for part in parts) if where == "body" else "/".join(parts)
    code = "missing_feature" if told["type"] == "missing" else "invalid_parameter" if where != "body" else "invalid"
    return Fault(pointer, told["msg"][:1].lower() + told["msg"][1:], code, allowed)
