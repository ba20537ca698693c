"""Every way in which Assay can refuse or fail, as sentences; which HTTP status each has is decided in `web/problems.py`."""

from __future__ import annotations

from assay.errors.absent import (
    ApplicationInvalid,
    DataInvalid,
    DatasetInUse,
    DatasetNotFound,
    DatasetRejected,
    DataSuspect,
    JobNotFound,
    LabelTaken,
    ModelNotFound,
    NothingReleased,
    NothingSimilar,
    PredictionNotFound,
    QueryClosed,
    QueryNotFound,
    RecipeFailed,
    VersionNotFound,
)  # fmt: skip
from assay.errors.fact import (
    AssayError,
    Fault,
)  # fmt: skip
from assay.errors.requests import (
    BadCursor,
    BadIdempotencyKey,
    BodyCutOff,
    BodyTooLarge,
    DecodedTooLarge,
    DuplicateKey,
    IdempotencyInProgress,
    IdempotencyMismatch,
    MalformedEncoding,
    MalformedJson,
    MethodNotAllowed,
    NotAcceptable,
    ParameterInvalid,
    QuestionInvalid,
    RouteNotFound,
    TooDeep,
    TooManyRows,
    UnknownHost,
    UnsupportedEncoding,
    UnsupportedFile,
    UnsupportedMediaType,
    UriTooLong,
)  # fmt: skip
from assay.errors.running import (
    AlreadyAnswered,
    AlreadyServing,
    NoServer,
    NotLoopback,
    PortTaken,
    ReloadRefused,
    SchemaTooNew,
    StorageFull,
    StoreUnavailable,
    Unstorable,
)  # fmt: skip
from assay.errors.serving import (
    ArtifactRejected,
    BadOutput,
    Draining,
    ModelFailed,
    ModelTimedOut,
    NotCompilable,
    NotServing,
    NotWaiting,
    Overloaded,
    PromotionInProgress,
    PromotionOvertaken,
    VersionNotReady,
    VersionRejected,
)  # fmt: skip
from assay.errors.work import (
    JobEnded,
    JobNotFailed,
    LeaseLost,
    ScheduleInvalid,
)  # fmt: skip

__all__ = [
    "AlreadyAnswered", "AlreadyServing", "ApplicationInvalid", "ArtifactRejected", "AssayError", "BadCursor",
    "BadIdempotencyKey", "BadOutput", "BodyCutOff", "BodyTooLarge", "DataInvalid", "DataSuspect", "DatasetInUse",
    "DatasetNotFound", "DatasetRejected", "DecodedTooLarge", "Draining", "DuplicateKey", "Fault",
    "IdempotencyInProgress", "IdempotencyMismatch", "JobEnded", "JobNotFailed", "JobNotFound", "LabelTaken", "LeaseLost",
    "MalformedEncoding", "MalformedJson", "MethodNotAllowed", "ModelFailed", "ModelNotFound", "ModelTimedOut",
    "NoServer", "NotAcceptable", "NotCompilable", "NotLoopback", "NotServing", "NotWaiting", "NothingReleased",
    "NothingSimilar", "Overloaded", "ParameterInvalid", "PortTaken", "PredictionNotFound", "PromotionInProgress",
    "PromotionOvertaken", "QueryClosed", "QueryNotFound", "QuestionInvalid", "RecipeFailed", "ReloadRefused",
    "RouteNotFound", "ScheduleInvalid", "SchemaTooNew", "StorageFull", "StoreUnavailable", "TooDeep", "TooManyRows",
    "UnknownHost", "Unstorable", "UnsupportedEncoding", "UnsupportedFile", "UnsupportedMediaType", "UriTooLong",
    "VersionNotFound", "VersionNotReady", "VersionRejected",
]  # fmt: skip
