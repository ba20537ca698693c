"""A bucket of an object store, where files that several hosts share are kept under their names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from assay.errors import StoreUnavailable

SCHEMES = ("s3", "gs", "az")
CHUNK = 8 << 20
_PATIENCE: dict[str, Any] = {
    # without encryption only where the endpoint that the environment tells is an http:// one
    "client_options": {"timeout": "60s", "connect_timeout": "5s", "allow_http": True},
    "retry_config": {"max_retries": 3, "retry_timeout": timedelta(seconds=20)},
}


class Bucket:
    """Where it is and who asks is told by the environment, as the provider's own tools read it (`AWS_ENDPOINT_URL`, …)."""

    def __init__(self, address: str) -> None:
        try:
            import obstore  # noqa: PLC0415 - an optional extra
            from obstore.exceptions import BaseError  # noqa: PLC0415 - an optional extra
            from obstore.store import from_url  # noqa: PLC0415 - an optional extra
        except ImportError as absent:
            raise StoreUnavailable(
                "Files in a bucket need the optional part of Assay for object stores: install assay[objectstore]."
            ) from absent
        told = urlsplit(address)
        if told.scheme not in SCHEMES or not told.netloc or told.username or told.password or told.query:
            raise StoreUnavailable("A bucket is written s3://BUCKET/FOLDER, without keys: the environment tells those.")
        self._library = obstore
        self._failures: tuple[type[Exception], ...] = (BaseError, OSError)
        with self._translating():
            self._store = from_url(address.rstrip("/"), **_PATIENCE)

    def has(self, name: str) -> bool:
        """Whether it holds a file of this name; raises StoreUnavailable."""
        return self._unless_absent(lambda: self._library.head(self._store, name)) is not None

    def put(self, name: str, file: Path) -> None:
        """Keeps a copy of the file; it is whole or absent. Raises StoreUnavailable."""
        with self._translating():
            self._library.put(self._store, name, file)

    def fetch(self, name: str, target: Path) -> bool:
        """Writes the file of this name to the target; False where there is none. Raises StoreUnavailable."""
        found = self._unless_absent(lambda: self._library.get(self._store, name))
        if found is None:
            return False
        with self._translating(), target.open("wb") as out:
            for chunk in found.stream(min_chunk_size=CHUNK):
                out.write(chunk)
        return True

    def drop(self, name: str) -> None:
        """Removes the file of this name, if there is one; raises StoreUnavailable."""
        self._unless_absent(lambda: self._library.delete(self._store, name))

    def names(self) -> Iterator[str]:
        """The names of all files; raises StoreUnavailable."""
        with self._translating():
            for page in self._library.list(self._store):
                yield from (str(one["path"]) for one in page)

    def _unless_absent(self, ask: Callable[[], Any]) -> Any:
        with self._translating():
            try:
                return ask() or True
            except FileNotFoundError:
                return None

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except self._failures as failed:
            raise StoreUnavailable(f"The bucket could not be used: {type(failed).__name__}.") from failed
