"""Every way in which Assay can refuse or fail, as sentences; which HTTP status each has is decided in `web/problems.py`."""

from __future__ import annotations

from typing import ClassVar

import msgspec


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong with one part of a question: where, why, and what would have been allowed."""

    pointer: str
    detail: str
    code: str = "invalid"
    allowed: tuple[str, ...] = ()


class AssayError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


# ---- requests that cannot be read or accepted


class BodyTooLarge(AssayError):
    """The body is longer than this route accepts."""

    code = "too_large"


class UnsupportedMediaType(AssayError):
    """The body must be sent as application/json."""

    code = "unsupported_media_type"


class UnsupportedEncoding(AssayError):
    """Compressed bodies are not accepted."""

    code = "unsupported_encoding"


class NotAcceptable(AssayError):
    """This route answers with application/json only."""

    code = "not_acceptable"


class UnknownHost(AssayError):
    """This server does not answer for the host that the request names."""

    code = "unknown_host"


class RouteNotFound(AssayError):
    """There is nothing at this address; /docs lists what there is."""

    code = "not_found"


class MethodNotAllowed(AssayError):
    """This address does not know the method."""

    code = "method_not_allowed"

    def __init__(self, allow: str) -> None:
        super().__init__(f"This address knows {allow} only.")
        self.allow = allow


class UriTooLong(AssayError):
    """The address is longer than 8 KiB."""

    code = "uri_too_long"


class MalformedJson(AssayError):
    """The body is not JSON."""

    code = "malformed_json"


class MalformedEncoding(AssayError):
    """The body is not UTF-8."""

    code = "malformed_encoding"


class DuplicateKey(AssayError):
    """An object of the body names a key twice."""

    code = "duplicate_key"

    def __init__(self, key: str) -> None:
        super().__init__(f"The key {key[:80]!r} stands twice in one object.")


class TooDeep(AssayError):
    """The body nests deeper than 32 levels."""

    code = "too_deep"


class QuestionInvalid(AssayError):
    """The question was read, but is not acceptable; `faults` says why, field by field."""

    code = "question_invalid"

    def __init__(self, faults: tuple[Fault, ...], total: int | None = None) -> None:
        first = faults[0]
        count = total if total is not None else len(faults)
        more = f" (and {count - 1} more)" if count > 1 else ""
        super().__init__(f"{first.pointer}: {first.detail}{more}")
        self.faults = faults
        self.total = count


class TooManyRows(AssayError):
    """The list is longer than one request may carry."""

    code = "too_many_rows"

    def __init__(self, rows: int, limit: int) -> None:
        super().__init__(f"The list has {rows} rows; one request carries at most {limit}.")


class ParameterInvalid(AssayError):
    """A parameter of the address is not acceptable."""

    code = "invalid_parameter"

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"{name}: {detail}")
        self.faults = (Fault(pointer=name, detail=detail, code="invalid_parameter"),)


class BadCursor(AssayError):
    """The cursor does not belong to this list."""

    code = "bad_cursor"


class BadIdempotencyKey(AssayError):
    """An Idempotency-Key is 1 to 255 visible ASCII characters."""

    code = "bad_idempotency_key"


class IdempotencyMismatch(AssayError):
    """This Idempotency-Key was used with another body."""

    code = "idempotency_mismatch"


class IdempotencyInProgress(AssayError):
    """A request with this Idempotency-Key is being answered at this moment."""

    code = "idempotency_in_progress"


# ---- things that are not there


class ModelNotFound(AssayError):
    """There is no such model."""

    code = "model_not_found"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no model named {name[:80]!r}.")


class VersionNotFound(AssayError):
    """There is no such version."""

    code = "version_not_found"

    def __init__(self, model: str, number: object) -> None:
        super().__init__(f"The model {model!r} has no version {str(number)[:40]}.")


class NothingReleased(AssayError):
    """No version of the model answers yet."""

    code = "nothing_released"

    def __init__(self, model: str) -> None:
        super().__init__(f"No version of {model!r} answers yet: train one with `assay train`.")


class NothingSimilar(AssayError):
    """No training row is equal in the named features."""

    code = "nothing_similar"


class ApplicationInvalid(AssayError):
    """The application's folder cannot be used."""

    code = "application_invalid"


class DataInvalid(AssayError):
    """The training rows cannot be used."""

    code = "data_invalid"


class RecipeFailed(AssayError):
    """A recipe raised while it was fitted."""

    code = "recipe_failed"


# ---- artifacts and serving


class ArtifactRejected(AssayError):
    """A file of the version is missing, damaged, or not what it says."""

    code = "artifact_rejected"


class NotCompilable(AssayError):
    """The pipeline cannot be compiled to a graph that gives the same answers; it can still answer natively."""

    code = "not_compilable"


class VersionRejected(AssayError):
    """The version did not pass its verification and was not promoted."""

    code = "version_rejected"


class ModelFailed(AssayError):
    """The model failed to answer."""

    code = "model_error"


class BadOutput(AssayError):
    """The model answered with something that is not a finite number for each row."""

    code = "model_bad_output"


class ModelTimedOut(AssayError):
    """The model did not answer in time."""

    code = "model_timeout"


class Overloaded(AssayError):
    """More questions are waiting than this server admits; ask again shortly."""

    code = "overloaded"


class Draining(AssayError):
    """The server is stopping."""

    code = "draining"


class NotServing(AssayError):
    """The model is not being served in this process."""

    code = "not_serving"


# ---- the store


class StoreUnavailable(AssayError):
    """The store cannot be written to or read from now; nothing was answered that is not recorded."""

    code = "storage_unavailable"


class AlreadyAnswered(AssayError):
    """An exchange with this Idempotency-Key is recorded already."""

    code = "idempotency_replay"


class Unstorable(AssayError):
    """The record of this exchange cannot be stored."""

    code = "unstorable"


class SchemaTooNew(AssayError):
    """The store was written by a newer Assay; upgrade this one."""

    code = "schema_too_new"


class NotLoopback(AssayError):
    """Only addresses of this machine can be bound while no keys exist."""

    code = "not_loopback"

    def __init__(self, host: str) -> None:
        super().__init__(
            f"Refusing to listen on {host!r}: anybody who reaches it could ask and read everything."
            " Listen on 127.0.0.1 behind a proxy that authenticates, or say --open to accept this."
        )


class PortTaken(AssayError):
    """The port cannot be listened on."""

    code = "port_taken"

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(f"Cannot listen on {host}:{port}: {reason}. Choose another with --port.")


class AlreadyServing(AssayError):
    """Another server has this home folder."""

    code = "already_serving"

    def __init__(self, holder: str) -> None:
        super().__init__(f"This home folder is served already, by process {holder or 'unknown'}; stop it, or say --home.")
