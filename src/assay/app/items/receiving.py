"""Takes in recordings: streamed into quarantine, examined in a limited process, kept whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.app.items.deleting import Deleting
from assay.clock import new_id, now_us
from assay.domain.items.collection import Items
from assay.domain.items.item import Item
from assay.domain.items.name import check_name
from assay.errors import ItemNotFound
from assay.store.files.quarantine import Draft, Quarantine, noticing_a_full_disk
from assay.store.items import items

if TYPE_CHECKING:
    from assay.app import Assay


class Intake:
    """How a recording that somebody sends becomes an item."""

    def __init__(self, assay: Assay) -> None:
        self._assay = assay
        self._quarantine = Quarantine(assay.home, assay.settings.max_upload_bytes)

    def collection(self, collection: str, name: str) -> Items:
        """The collection in which an item may have this name; raises CollectionNotFound or ItemRejected."""
        found = self._assay.application.collection(collection)
        check_name(name)
        return found

    def begin(self, told_bytes: int) -> Draft:
        """A place for a body of this length, 0 if it is not told; raises BodyTooLarge or StorageFull."""
        return self._quarantine.begin(told_bytes)

    def finish(self, draft: Draft, collection: Items, name: str, by: str) -> tuple[Item, bool]:
        """Examines a complete body and keeps it under the name; the item, and whether it is new.

        Raises AudioRejected, AudioUnsupported, AudioTooLong, StorageFull or StoreUnavailable; then nothing is kept.
        """
        known = self._known(collection.name, name)
        there = self._assay.artifacts.has(draft.digest)
        if known is not None and known.digest == draft.digest and there:
            return known, False
        sound = self._assay.sounds.examine(draft.file, collection.longest_s)
        draft.sync()
        item = Item(
            id=new_id(), at=now_us(), collection=collection.name, name=name, digest=draft.digest, size=draft.size,
            sound=sound, by=by,
        )  # fmt: skip
        with noticing_a_full_disk(), self._assay.database.writing() as connection:
            kept, new = items.add(connection, item)
            if (
                new or not there
            ):  # within the turn, so that nobody who deletes takes the file for one that nothing needs
                self._assay.artifacts.take(draft.file, draft.digest)
        if new and known is not None:
            Deleting(self._assay).clear_of(collection.name, name)
        return kept, new

    def _known(self, collection: str, name: str) -> Item | None:
        try:
            return self._assay.items.find(collection, name)
        except ItemNotFound:
            return None
