"""Every way in which Assay can refuse or fail, as sentences; which HTTP status each has is decided in `web/problems.py`."""

from __future__ import annotations

from assay.errors.absent import (
    ApplicationInvalid,
    CollectionNotFound,
    DataInvalid,
    DatasetInUse,
    DatasetNotFound,
    DatasetRejected,
    DataSuspect,
    ItemNotFound,
    ItemRejected,
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
from assay.errors.audio import (
    AudioRejected,
    AudioTooLong,
    AudioUnsupported,
)  # fmt: skip
from assay.errors.experiments import (
    BadSubject,
    ExperimentInvalid,
    ExperimentNotFound,
    ExperimentRunning,
)  # fmt: skip
from assay.errors.fact import (
    AssayError,
    Fault,
)  # fmt: skip
from assay.errors.features import (
    EntityKeyInvalid,
    EntityNotFound,
    EntityOutdated,
    FeaturesNotFound,
)  # fmt: skip
from assay.errors.remote import (
    RemoteModelAway,
    RemoteModelBadAnswer,
    RemoteModelFailed,
    RemoteModelRefused,
    RemoteModelResting,
    RemoteModelTimedOut,
    RemoteModelUnreachable,
)  # fmt: skip
from assay.errors.requests import (
    BadCursor,
    BadIdempotencyKey,
    BodyCutOff,
    BodyIsPart,
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
    BackupRejected,
    NoServer,
    NotEmpty,
    NotLoopback,
    PortTaken,
    ReloadRefused,
    SchemaTooNew,
    StorageFull,
    StoreDamaged,
    StoreUnavailable,
    Unstorable,
)  # fmt: skip
from assay.errors.serving import (
    ArtifactRejected,
    BadOutput,
    Draining,
    ModelFailed,
    ModelTimedOut,
    NoNumber,
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
    WebhookFailed,
    WebhookRejected,
)  # fmt: skip

__all__ = [
    "AlreadyAnswered", "AlreadyServing", "ApplicationInvalid", "ArtifactRejected", "AssayError", "AudioRejected",
    "AudioTooLong", "AudioUnsupported", "BackupRejected", "BadCursor", "BadIdempotencyKey", "BadOutput", "BadSubject",
    "BodyCutOff", "BodyIsPart", "BodyTooLarge", "CollectionNotFound", "DataInvalid", "DataSuspect", "DatasetInUse",
    "DatasetNotFound", "DatasetRejected", "DecodedTooLarge", "Draining", "DuplicateKey", "EntityKeyInvalid",
    "EntityNotFound", "EntityOutdated", "ExperimentInvalid",
    "ExperimentNotFound", "ExperimentRunning", "Fault", "FeaturesNotFound", "IdempotencyInProgress", "IdempotencyMismatch",
    "ItemNotFound", "ItemRejected", "JobEnded", "JobNotFailed", "JobNotFound", "LabelTaken", "LeaseLost",
    "MalformedEncoding", "MalformedJson", "MethodNotAllowed", "ModelFailed", "ModelNotFound", "ModelTimedOut",
    "NoNumber", "NoServer", "NotAcceptable", "NotCompilable", "NotEmpty", "NotLoopback", "NotServing", "NotWaiting",
    "NothingReleased", "NothingSimilar", "Overloaded", "ParameterInvalid", "PortTaken", "PredictionNotFound",
    "PromotionInProgress", "PromotionOvertaken", "QueryClosed", "QueryNotFound", "QuestionInvalid", "RecipeFailed",
    "ReloadRefused", "RemoteModelAway", "RemoteModelBadAnswer", "RemoteModelFailed", "RemoteModelRefused", "RemoteModelResting",
    "RemoteModelTimedOut", "RemoteModelUnreachable", "RouteNotFound", "ScheduleInvalid", "SchemaTooNew",
    "StorageFull", "StoreDamaged", "StoreUnavailable", "TooDeep", "TooManyRows", "UnknownHost", "Unstorable",
    "UnsupportedEncoding", "UnsupportedFile", "UnsupportedMediaType", "UriTooLong", "VersionNotFound",
    "VersionNotReady", "VersionRejected", "WebhookFailed", "WebhookRejected",
]  # fmt: skip
