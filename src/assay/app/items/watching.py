"""Watches a folder or a bucket: recordings that appear there, or change, become items, some at every look of a worker."""

from __future__ import annotations

import fcntl
import os
from contextlib import ExitStack
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import structlog

from assay.app.items.changes import Changes, tag_of
from assay.app.items.deleting import Deleting
from assay.clock import new_id, now_us, ticks_us
from assay.domain.items.collection import Items
from assay.domain.items.item import Item
from assay.domain.items.name import check_name
from assay.domain.items.refusal import Refusal
from assay.errors import (
    ApplicationInvalid,
    AssayError,
    AudioRejected,
    AudioTooLong,
    AudioUnsupported,
    BodyTooLarge,
    DataInvalid,
    ItemRejected,
    StorageFull,
)  # fmt: skip
from assay.outages import Outage
from assay.sources.buckets import Found
from assay.sources.looks import kind
from assay.sources.recordings import fetch
from assay.store.files.quarantine import Quarantine, noticing_a_full_disk
from assay.store.items import items, refusals

if TYPE_CHECKING:
    from assay.app import Assay

LOOK_US = 1_000_000  # that one look may take, beside the files of its last transaction
AT_ONCE = 8  # files of one transaction
LONGEST_ERROR = 1_024
NAMED = "dataset:"
BY = "watched place"
UNSURE = ("decoder_crashed", "decoder_timeout")  # which may be nothing of the file's
TRIES = 3
REFUSED = (AudioRejected, AudioTooLong, AudioUnsupported, BodyTooLarge, ItemRejected)
log = structlog.get_logger("assay")


class Group(NamedTuple):
    """What became of some files: items, refusals, and what was known already, by name; `adopted` bytes are kept by now."""

    items: list[Item]
    refusals: list[Refusal]
    known: dict[str, str]
    adopted: list[str]


class WatchedPlace:
    """The duty of one worker of a machine; the others leave it to that one.

    What vanishes from the place stays an item, and what was deleted stays deleted until the file has other bytes.
    """

    def __init__(self, assay: Assay) -> None:
        self._assay = assay
        self._place = assay.settings.data or ""
        self.collection = watched(assay)
        self._changes = Changes(assay, self.collection.name if self.collection else "")
        self._quarantine = Quarantine(assay.home, assay.settings.max_upload_bytes)
        self._trouble = Outage("recordings_not_looked_at")
        self._tries: dict[str, tuple[str, int]] = {}
        self._lock = -1
        self._taken = 0

    def look(self) -> None:
        """Takes in recordings for a second or so; raises StoreUnavailable."""
        if self.collection is None or not self._alone():
            return
        try:
            self._changes.look(self._place)
            until = ticks_us() + LOOK_US
            while self._changes.waiting:
                self._take_in(self.collection, self._changes.take(AT_ONCE))
                if ticks_us() > until:
                    break
        except (DataInvalid, StorageFull, ApplicationInvalid) as failed:
            self._trouble.failed(str(failed))
            return
        self._trouble.over()
        if self._taken and not self._changes.waiting:
            log.info("recordings_taken_in", items=self._taken, collection=self.collection.name)
            self._taken = 0

    def _alone(self) -> bool:
        """Whether no other process of this machine does the same."""
        if self._lock < 0:
            held = os.open(self._assay.home / "watching.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(held)
                return False
            self._lock = held
        return True

    def _take_in(self, collection: Items, files: list[Found]) -> None:
        """Adds what can be heard and remembers what cannot, in one transaction."""
        known = self._assay.items.places(
            collection.name, [one.path for one in files]
        )  # another host may have been here
        group = Group([], [], {one.path: tag for one in files if known.get(one.path) == (tag := tag_of(one))}, [])
        with ExitStack() as drafts:
            for one in files:
                if one.path not in group.known:
                    self._prove(collection, one, group, drafts)
            self._keep(collection, group)

    def _prove(self, collection: Items, one: Found, group: Group, drafts: ExitStack) -> None:
        """Finds out what a file is; its bytes are kept where it is new."""
        try:
            item = self._examined(collection, one, group, drafts)
        except REFUSED as told:
            if getattr(told, "kind", "") not in UNSURE or self._tried(one, told) >= TRIES:
                group.refusals.append(_refusal(collection, one, told))
        except (DataInvalid, OSError) as unread:  # gone since it was listed, or not ours to read
            self._tried(one, unread)
        else:
            group.items.extend([item] if item is not None else [])

    def _tried(self, one: Found, why: Exception) -> int:
        """How often a file was tried that will be tried again; said once."""
        tag, times = self._tries.get(one.path, ("", 0))
        times = times + 1 if tag == tag_of(one) else 1
        if times == 1:
            log.warning("recording_not_read", name=one.path, reason=str(why))
        self._tries[one.path] = tag_of(one), times
        return times

    def _examined(self, collection: Items, one: Found, group: Group, drafts: ExitStack) -> Item | None:
        """The item that a file is to be; None where the file changes while it is read."""
        check_name(one.path)
        before = _state(self._place, one)
        draft = self._quarantine.begin(one.size)
        drafts.callback(draft.discard)
        with noticing_a_full_disk():
            fetch(self._place, one.path, draft.file, self._assay.settings.max_upload_bytes)
        size, digest = _hashed(draft.file)
        if size != one.size or _state(self._place, one) != before:
            return None
        sound = self._assay.sounds.examine(draft.file, collection.longest_s)
        item = Item(
            id=new_id(), at=now_us(), collection=collection.name, name=one.path, digest=digest, size=size, sound=sound,
            origin="watched", place=tag_of(one), by=BY,
        )  # fmt: skip
        if self._assay.items.adds(item):  # ahead of the transaction, for the end of which others wait
            draft.sync()
            with noticing_a_full_disk():
                self._assay.artifacts.take(draft.file, digest)
            group.adopted.append(digest)
        return item

    def _keep(self, collection: Items, group: Group) -> None:
        kept, added = dict(group.known), set[str]()
        if group.items or group.refusals:
            with noticing_a_full_disk(), self._assay.database.writing() as connection:
                for item in group.items:
                    if items.known(connection, item) is None and not self._assay.artifacts.has(item.digest):
                        continue  # whoever deleted the same bytes took them for his own: tried again
                    kept[item.name] = item.place
                    added |= {item.digest} if items.add(connection, item)[1] else set()
                for one in group.refusals:
                    refusals.put(connection, one)
        self._changes.settle(kept, {one.name: one.place for one in group.refusals})
        self._taken += len(added)
        Deleting(self._assay).let_go([digest for digest in group.adopted if digest not in added])
        for one in group.refusals:
            log.warning("recording_refused", name=one.name, code=one.code, reason=one.error, collection=collection.name)


def watched(assay: Assay) -> Items | None:
    """The collection that the watched place feeds: the first that the application declares; None where there is none."""
    place = assay.settings.data
    try:
        if place is None or place.startswith(NAMED) or kind(place) == "database":
            return None
        return next(iter(assay.application.items().values()), None)
    except (ApplicationInvalid, DataInvalid) as failed:  # all else that a worker does goes on
        log.warning("nothing_is_watched", reason=str(failed))
        return None


def _refusal(collection: Items, one: Found, told: AssayError) -> Refusal:
    code = getattr(told, "kind", "") or told.code
    return Refusal(
        collection=collection.name,
        name=one.path,
        place=tag_of(one),
        at=now_us(),
        code=code,
        error=str(told)[:LONGEST_ERROR],
    )


def _state(place: str, one: Found) -> tuple[int, ...]:
    """How a file is at this moment; of an object in a bucket nothing, as it changes as a whole. Raises OSError."""
    if kind(place) == "bucket":
        return ()
    state = (Path(place).expanduser() / one.path).stat()
    return state.st_size, state.st_mtime_ns, state.st_ino


def _hashed(file: Path) -> tuple[int, str]:
    with file.open("rb") as opened:
        digest = file_digest(opened, "sha256").hexdigest()
        return opened.tell(), digest
