"""A collection: inputs that are kept under names, and asked of some models whenever one of them has a new version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Protocol, TypedDict, Unpack

from assay.domain.items.item import Item
from assay.domain.items.reading import Progress, Reading
from assay.domain.items.score import Failure
from assay.domain.model import NAME, RESERVED, Model
from assay.domain.question.field import audio_field
from assay.errors import ApplicationInvalid, NotServing

OUR_ADDRESSES = frozenset({"docs", "livez", "readyz", "openapi.json", "v1"})
GREATEST = 10**9  # version or second that can be asked for


class Wanted(TypedDict, total=False):
    """Which scores are asked for; what is left out, or None, narrows nothing.

    `model` and `version` say whose. `label` keeps one label, `min_confidence` what is at least so sure, `from_s` and `to_s`
    the seconds from the one on and before the other. `as_of` (microseconds) asks what readers were given at that time.
    """

    model: str | None
    version: int | None
    label: str | None
    min_confidence: float | None
    from_s: float | None
    to_s: float | None
    as_of: int | None


class Keeping(Protocol):
    """What a served collection can do; the running application provides it."""

    async def names(self, limit: int, after: str) -> list[str]: ...
    async def get(self, name: str) -> Item: ...
    async def scores(self, name: str, wanted: Wanted) -> list[Reading]: ...
    async def failures(self, name: str) -> list[Failure]: ...
    async def delete(self, name: str) -> None: ...
    async def sweep(self) -> list[Progress]: ...


@dataclass
class Items:
    """A collection with a name, whose items are asked of each of `models`; each has one field, which is a recording.

    Its items come from the watched place, over HTTP, and stay until they are deleted.
    """

    name: str
    _: KW_ONLY
    models: Sequence[Model[Any]]
    answering: Keeping | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name) or self.name in RESERVED | OUR_ADDRESSES:
            raise ApplicationInvalid(
                f"{self.name!r} cannot name a collection: lower-case letters, digits, '.', '_' and '-', and no address of"
                " the server's own."
            )
        self.models = tuple(self.models)
        if not self.models or len({model.name for model in self.models}) < len(self.models):
            raise ApplicationInvalid(f"The collection {self.name!r} needs one model or more, each once.")
        deaf = next((model.name for model in self.models if audio_field(model.fields) is None), None)
        if deaf is not None:
            raise ApplicationInvalid(
                f"The model {deaf!r} of the collection {self.name!r} asks for no recording (assay.Audio)."
            )

    @property
    def longest_s(self) -> float:
        """How long an item may sound, in seconds, for every model to hear it."""
        heard = (model.fields[audio_field(model.fields) or ""] for model in self.models)
        return min(one.longest_s for one in heard)

    async def names(self, limit: int = 100, after: str = "") -> list[str]:
        """At most `limit` (1 to 1,000) names of items, sorted, of those that come after `after`; raises ParameterInvalid."""
        return await self._served().names(limit, after)

    async def get(self, name: str) -> Item:
        """One item: what it is, and how long it sounds; raises ItemNotFound."""
        return await self._served().get(name)

    async def scores(self, name: str, **wanted: Unpack[Wanted]) -> list[Reading]:
        """What stands of the item, one reading a model, each a complete set of one version.

        A model that has not scored it yet has none. Raises ItemNotFound, ModelNotFound or ParameterInvalid.
        """
        return await self._served().scores(name, wanted)

    async def failures(self, name: str) -> list[Failure]:
        """By which versions the item could not be scored, the newest first: why, and when that is tried again.

        Each `error` is a sentence that may be shown to anybody. Raises ItemNotFound.
        """
        return await self._served().failures(name)

    async def delete(self, name: str) -> None:
        """Deletes an item, its bytes, and all that was said of it; raises ItemNotFound."""
        await self._served().delete(name)

    async def sweep(self) -> list[Progress]:
        """How far each model's answering versions have come with the items."""
        return await self._served().sweep()

    def _served(self) -> Keeping:
        if self.answering is None:
            raise NotServing(f"The collection {self.name!r} is not being served in this process; start `assay serve`.")
        return self.answering
