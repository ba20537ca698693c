"""Every way in which Assay can refuse or fail, as sentences; which HTTP status each has is decided in `web/problems.py`."""

from __future__ import annotations

import re
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

    def __init_subclass__(cls, code: str | None = None) -> None:
        # the name says it, unless clients know the fact by another word
        cls.code = code or re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


# ---- requests that cannot be read or accepted


class BodyTooLarge(AssayError, code="too_large"):
    """The body is longer than this route accepts."""


class BodyCutOff(AssayError, code="body_cut_off"):
    """The client went away before its body was complete."""


class UnsupportedMediaType(AssayError):
    """The body must be sent as application/json."""


class UnsupportedEncoding(AssayError):
    """Compressed bodies are not accepted."""


class NotAcceptable(AssayError):
    """This route answers with application/json only."""


class UnknownHost(AssayError):
    """This server does not answer for the host that the request names."""


class RouteNotFound(AssayError, code="not_found"):
    """There is nothing at this address; /docs lists what there is."""


class MethodNotAllowed(AssayError):
    """This address does not know the method."""

    def __init__(self, allow: str) -> None:
        super().__init__(f"This address knows {allow} only.")
        self.allow = allow


class UriTooLong(AssayError):
    """The address is longer than 8 KiB."""


class MalformedJson(AssayError):
    """The body is not JSON."""


class MalformedEncoding(AssayError):
    """The body is not UTF-8."""


class DuplicateKey(AssayError):
    """An object of the body names a key twice."""

    def __init__(self, key: str) -> None:
        super().__init__(f"The key {key[:80]!r} stands twice in one object.")


class TooDeep(AssayError):
    """The body nests deeper than 32 levels."""


class QuestionInvalid(AssayError):
    """The question was read, but is not acceptable; `faults` says why, field by field, and `more` that there are others."""

    def __init__(self, faults: tuple[Fault, ...], *, more: bool = False) -> None:
        first = faults[0]
        others = f" (and {len(faults) - 1}{' or more' if more else ' more'})" if len(faults) > 1 else ""
        super().__init__(f"{first.pointer}: {first.detail}{others}")
        self.faults = faults
        self.more = more


class TooManyRows(AssayError):
    """The list is longer than one request may carry."""

    def __init__(self, rows: int, limit: int) -> None:
        super().__init__(f"The list has {rows} rows; one request carries at most {limit}.")


class ParameterInvalid(AssayError, code="invalid_parameter"):
    """A parameter of the address is not acceptable."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"{name}: {detail}")
        self.faults = (Fault(pointer=name, detail=detail, code="invalid_parameter"),)


class BadCursor(AssayError):
    """The cursor does not belong to this list."""


class BadIdempotencyKey(AssayError):
    """An Idempotency-Key is 1 to 255 visible ASCII characters."""


class IdempotencyMismatch(AssayError):
    """This Idempotency-Key was used with another body."""


class IdempotencyInProgress(AssayError):
    """A request with this Idempotency-Key is being answered at this moment."""


# ---- things that are not there


class ModelNotFound(AssayError):
    """There is no such model."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no model named {name[:80]!r}.")


class VersionNotFound(AssayError):
    """There is no such version."""

    def __init__(self, model: str, number: object) -> None:
        super().__init__(f"The model {model!r} has no version {str(number)[:40]}.")


class NothingReleased(AssayError):
    """No version of the model answers yet."""

    def __init__(self, model: str) -> None:
        super().__init__(f"No version of {model!r} answers yet: train one with `assay train`.")


class NothingSimilar(AssayError):
    """No training row is equal in the named features."""


class ApplicationInvalid(AssayError):
    """The application's folder cannot be used."""


class DataInvalid(AssayError):
    """The training rows cannot be used."""


class RecipeFailed(AssayError):
    """A recipe raised while it was fitted."""


# ---- artifacts and serving


class ArtifactRejected(AssayError):
    """A file of the version is missing, damaged, or not what it says."""


class NotCompilable(AssayError):
    """The pipeline cannot be compiled to a graph that gives the same answers; it can still answer natively."""


class VersionRejected(AssayError):
    """The version did not pass its verification and was not promoted."""


class ModelFailed(AssayError, code="model_error"):
    """The model failed to answer."""


class BadOutput(AssayError, code="model_bad_output"):
    """The model answered with something that is not a finite number for each row."""


class ModelTimedOut(AssayError, code="model_timeout"):
    """The model did not answer in time."""


class Overloaded(AssayError):
    """More questions are waiting than this server admits; ask again shortly."""


class Draining(AssayError):
    """The server is stopping."""


class NotServing(AssayError):
    """The model is not being served in this process."""


# ---- the store


class StoreUnavailable(AssayError, code="storage_unavailable"):
    """The store cannot be written to or read from now; nothing was answered that is not recorded."""


class AlreadyAnswered(AssayError, code="idempotency_replay"):
    """An exchange with this Idempotency-Key is recorded already."""


class Unstorable(AssayError):
    """The record of this exchange cannot be stored."""


class SchemaTooNew(AssayError):
    """The store was written by a newer Assay; upgrade this one."""


class NotLoopback(AssayError):
    """Only addresses of this machine can be bound while no keys exist."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"Refusing to listen on {host!r}: anybody who reaches it could ask and read everything."
            " Listen on 127.0.0.1 behind a proxy that authenticates, or say --open to accept this."
        )


class PortTaken(AssayError):
    """The port cannot be listened on."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(f"Cannot listen on {host}:{port}: {reason}. Choose another with --port.")


class AlreadyServing(AssayError):
    """Another server has this home folder."""

    def __init__(self, holder: str) -> None:
        super().__init__(
            f"This home folder is served already, by process {holder or 'unknown'}; stop it, or say --home."
        )
