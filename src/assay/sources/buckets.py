"""Objects in a bucket of S3, Google Cloud Storage or Azure: which there are, and their bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from assay.errors import DataInvalid

SCHEMES = ("s3", "gs", "az")
CHUNK = 8 << 20
# A look that fails is repeated by whoever looks; it must not hang meanwhile.
_PATIENCE: dict[str, Any] = {
    # without encryption only where the endpoint that the environment tells is an http:// one
    "client_options": {"timeout": "60s", "connect_timeout": "5s", "allow_http": True},
    "retry_config": {"max_retries": 2, "retry_timeout": timedelta(seconds=15)},
}


@dataclass(frozen=True, order=True)
class Found:
    """One object: its path below the address, its size in bytes, and a tag that changes with its content."""

    path: str
    size: int
    tag: str


def listed(place: str) -> list[Found]:
    """The objects below an address such as `s3://bucket/folder`, or the one that it names, sorted by path.

    Where the store is and who asks is told by the environment, as the provider's own tools read it (`AWS_ENDPOINT_URL`,
    `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, …). Raises DataInvalid, which names the address and never a secret.
    """
    with _opened(place) as (obstore, store, name):
        metas = [obstore.head(store, name)] if name else [one for page in obstore.list(store) for one in page]
        return sorted(
            Found(one["path"], one["size"], one["e_tag"] or one["last_modified"].isoformat()) for one in metas
        )


def fetch(place: str, path: str, target: Path, limit_bytes: int) -> None:
    """Writes one object's bytes to a file, never more than the limit; raises DataInvalid."""
    with _opened(place) as (obstore, store, _), target.open("wb") as out:
        written = 0
        for chunk in obstore.get(store, path).stream(min_chunk_size=CHUNK):
            written += len(chunk)
            if written > limit_bytes:
                raise DataInvalid(f"{path}: the file is longer than {limit_bytes:,} bytes.")
            out.write(chunk)


@contextmanager
def _opened(place: str) -> Iterator[tuple[Any, Any, str]]:
    """The library, the store at the address, and the one object's name if the address ends in a file's name."""
    try:
        import obstore  # noqa: PLC0415 - an optional extra
        from obstore.exceptions import BaseError  # noqa: PLC0415 - an optional extra
        from obstore.store import from_url  # noqa: PLC0415 - an optional extra
    except ImportError as absent:
        raise DataInvalid(
            "Rows in a bucket need the optional part of Assay for object stores: install assay[objectstore]."
        ) from absent
    told = urlsplit(place)
    if told.username or told.password or told.query:
        raise DataInvalid(f"{told.scheme}://…: an address holds no keys; they are told by the environment.")
    if not told.netloc:
        raise DataInvalid(f"{place}: the address names no bucket; it reads {told.scheme}://bucket/folder.")
    folder, _, last = told.path.rstrip("/").rpartition("/")
    single = "." in last
    root = f"{told.scheme}://{told.netloc}{folder if single else told.path.rstrip('/')}"
    try:
        yield obstore, from_url(root, **_PATIENCE), last if single else ""
    except FileNotFoundError as missing:
        raise DataInvalid(f"{place}: there is no such bucket or object.") from missing
    except (BaseError, OSError, ValueError) as failed:
        raise DataInvalid(f"{place}: {_plainly(failed)}") from None  # the library's own text may quote the request


def _plainly(failed: BaseException) -> str:
    """What failed, in words of our own."""
    name, text = type(failed).__name__, str(failed)
    if "NoSuchBucket" in text:
        return "there is no such bucket."
    denied = ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "403 Forbidden", "401 Unauthorized")
    if name in ("PermissionDeniedError", "UnauthenticatedError") or any(word in text for word in denied):
        return "the store refuses the keys that the environment tells; check them and what they may read."
    return f"the store cannot be read ({name}); check the address, the endpoint and the region."
