"""Requests that cannot be read or accepted."""

from __future__ import annotations

from assay.errors.fact import AssayError, Fault


class BodyTooLarge(AssayError, code="too_large"):
    """The body is longer than this route accepts."""


class BodyCutOff(AssayError, code="body_cut_off"):
    """The client went away before its body was complete."""


class BodyIsPart(AssayError, code="body_is_part"):
    """This address takes a whole file at once: send it without Content-Range."""


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


class UnsupportedFile(UnsupportedMediaType):
    """The body is not what its Content-Type says."""


class DecodedTooLarge(BodyTooLarge, code="decoded_too_large"):
    """The file needs more memory or more time to be read than it is given."""
