"""How an application's own routes reach a collection: the same verbs as the canonical routes have."""

from __future__ import annotations

import asyncio

import msgspec

from assay.app.items.deleting import Deleting
from assay.app.items.progress import progress
from assay.app.items.reading import names, readings
from assay.domain.items.collection import Items, Wanted
from assay.domain.items.item import Item
from assay.domain.items.reading import Progress, Reading
from assay.domain.items.score import Failure
from assay.web.process import Process
from assay.web.tasks.told import sentence
from assay.web.uploads import BY


class ServedItems:
    """One served collection, as `Items.names`, `.get`, `.scores`, `.failures`, `.delete` and `.sweep` reach it."""

    def __init__(self, process: Process, collection: Items) -> None:
        self._assay = process.assay
        self._collection = collection
        self._name = collection.name

    async def names(self, limit: int, after: str) -> list[str]:
        """Names of items, sorted."""
        return await asyncio.to_thread(names, self._assay, self._collection, limit, after)

    async def get(self, name: str) -> Item:
        """One item."""
        return await asyncio.to_thread(self._assay.items.find, self._name, name)

    async def delete(self, name: str) -> None:
        """Deletes one item."""
        await asyncio.to_thread(Deleting(self._assay).delete, self._name, name, BY)

    async def scores(self, name: str, wanted: Wanted) -> list[Reading]:
        """What stands of one item, or what is asked for."""
        return await asyncio.to_thread(readings, self._assay, self._collection, name, wanted)

    async def failures(self, name: str) -> list[Failure]:
        """Why versions have no set of one item."""
        return await asyncio.to_thread(self._failures, name)

    async def sweep(self) -> list[Progress]:
        """How far each version is."""
        return await asyncio.to_thread(progress, self._assay, self._collection)

    def _failures(self, name: str) -> list[Failure]:
        failed = self._assay.failures.of_item(self._assay.items.find(self._name, name).id)
        return [msgspec.structs.replace(one, error=sentence(one.code, one.error)) for one in failed]
