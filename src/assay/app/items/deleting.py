"""Deletes items: first what is written of them, in one transaction, and then the bytes that nothing needs any more."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import structlog

from assay.domain.items.item import Item
from assay.errors import StoreUnavailable
from assay.store.items.ending import delete_name

if TYPE_CHECKING:
    from assay.app import Assay

AT_ONCE = 100
log = structlog.get_logger("assay")


class Deleting:
    """Whoever dies between the two leaves items that have ended and whose bytes are there: `clear` finds them."""

    def __init__(self, assay: Assay) -> None:
        self._assay = assay

    def delete(self, collection: str, name: str, by: str) -> None:
        """Deletes the item of this name, and all that was said of what ever had the name; raises ItemNotFound.

        Bytes that cannot be removed at once are removed later.
        """
        with self._assay.database.writing() as connection:
            found = delete_name(connection, collection, name, by)
        self._try([found])

    def clear(self) -> int:
        """Removes bytes of items that have ended, of so many at once; how many items. Raises StoreUnavailable."""
        return self._clear(self._assay.items.uncleared(AT_ONCE))

    def clear_of(self, collection: str, name: str) -> None:
        """Removes the bytes that the name had before, or leaves that to later."""
        self._try([one for one in self._assay.items.revisions(collection, name, limit=2) if one.ended_at is not None])

    def _try(self, ended: list[Item]) -> None:
        try:
            self._clear(ended)
        except (StoreUnavailable, OSError) as failed:  # they are ended all the same: nobody is given them any more
            log.warning("bytes_not_removed", items=[one.id for one in ended], reason=str(failed))

    def let_go(self, digests: Iterable[str]) -> None:
        """Removes those of these bytes that nothing needs; raises StoreUnavailable."""
        for digest in digests:
            with self._assay.database.turn():  # nobody can name the file while we look whether anybody does
                if not self._assay.items.named(digest):
                    self._assay.artifacts.drop(digest)

    def _clear(self, ended: list[Item]) -> int:
        self.let_go(item.digest for item in ended)
        if ended:
            self._assay.items.clear([item.id for item in ended])
        return len(ended)
