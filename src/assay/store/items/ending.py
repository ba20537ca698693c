"""The end of a name: its item is deleted, and with it all that was ever said of what had the name."""

from __future__ import annotations

from sqlalchemy import Connection, select

from assay.domain.items.item import Item
from assay.store.audit import note
from assay.store.items.groups import forget
from assay.store.items.items import end, find, items, subject_of

AT_ONCE = 500


def delete_name(connection: Connection, collection: str, name: str, by: str) -> Item:
    """Ends the name's item as "deleted" within the caller's transaction, and returns it; raises ItemNotFound.

    The scores, standings and failures of every item that ever had the name go. What stays is when which bytes were there.
    """
    found = find(connection, collection, name)
    mine = select(items.c.id).where(items.c.collection == collection, items.c.name == name)
    ids = list(connection.execute(mine).scalars())
    said = sum(forget(connection, ids[begin : begin + AT_ONCE]) for begin in range(0, len(ids), AT_ONCE))
    end(connection, found, "deleted")
    told = {"id": found.id, "digest": found.digest, "scores": said}
    note(connection, "item.delete", subject_of(found), by=by, before=told)
    return found
