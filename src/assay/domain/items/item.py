"""An item: an input that is kept, so that each new version scores it again."""

from __future__ import annotations

from typing import Literal

import msgspec

End = Literal["", "replaced", "deleted"]
Origin = Literal["upload", "watched"]


class Sound(msgspec.Struct, frozen=True, kw_only=True):
    """What a recording is, by its content: `frames` are those really present, of `channels` values each.

    `notes` say what is odd about it and yet no reason to refuse it: "truncated", "streamed" (its header leaves the length
    open), "silent", "clipped".
    """

    format: str
    rate: int
    channels: int
    frames: int
    notes: tuple[str, ...] = ()

    @property
    def duration_s(self) -> float:
        """How long it sounds, in seconds."""
        return self.frames / self.rate


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """The content of one `name` in a `collection`: bytes named by their sha256, which never change.

    Other bytes under the name are another item, and end this one as "replaced"; `ended_at` is None while it lives.
    `place` is what tells whether a watched file has changed: its size and time, or its entity tag.
    """

    id: str
    at: int
    collection: str
    name: str
    digest: str
    size: int
    sound: Sound
    origin: Origin = "upload"
    place: str = ""
    by: str = ""
    ended_at: int | None = None
    ending: End = ""
