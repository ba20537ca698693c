"""The store and the server, where they cannot do their work."""

from __future__ import annotations

from assay.errors.fact import AssayError


class StoreUnavailable(AssayError, code="storage_unavailable"):
    """The store cannot be written to or read from now; nothing was answered that is not recorded."""


class StorageFull(AssayError):
    """There is not enough room on the disk; nothing was kept."""


class AlreadyAnswered(AssayError, code="idempotency_replay"):
    """An exchange with this Idempotency-Key is recorded already."""


class Unstorable(AssayError):
    """The record of this exchange cannot be stored."""


class SchemaTooNew(AssayError):
    """The store was written by a newer Assay; upgrade this one."""


class StoreDamaged(StoreUnavailable):
    """The store's pages are damaged; a backup can be restored."""

    def __init__(self, told: str) -> None:
        super().__init__(
            f"The store is damaged: {told}. `assay db check APP` says more, and `assay db restore APP FOLDER` brings a"
            " backup back, into an empty home."
        )


class BackupRejected(AssayError):
    """The folder is no backup, or one that is damaged; nothing was restored."""


class NotEmpty(AssayError):
    """What is to be written would be mixed with what is there; nothing was written."""


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


class NoServer(AssayError):
    """No server runs on this home folder; `assay serve` starts one."""


class ReloadRefused(AssayError):
    """The server goes on as it was, because its reload failed."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The server goes on as it was. {reason}")
