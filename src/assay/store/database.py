"""What the store asks of a database: consistent views, decisions made one at a time, and the record's own way in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Literal, NamedTuple, Protocol

from sqlalchemy import Connection, Engine, MetaData, String, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from assay.errors import StoreUnavailable

metadata = MetaData()
Id = String(32)
Values = tuple[Any, ...]
What = Literal["decided", "queued", "ended"]  # that somebody waits for: who answers, and tasks
NO_TEXT, INSTEAD = "\x00", "\ufffd"  # as bytes of an address that are no UTF-8 have become already


class Health(NamedTuple):
    """What the database finds wrong with itself (nothing), and whether what it commits survives the loss of power."""

    faults: list[str]
    durable: bool
    told: str


class Writer(Protocol):
    """The record's own connection; one thread at a time uses it."""

    def write(self, asked: list[Values], answered: list[Values], queued: Sequence[Values] = ()) -> None:
        """Exchanges, predictions and tasks in one transaction, durable on return.

        Raises StoreUnavailable, or Unstorable where the database refuses a row.
        """

    def forget(self) -> None:
        """Gives the connection back; the next write opens another."""


class Database(ABC):
    """The two kinds answer alike, which a contract of tests holds them to.

    `fence` raises, within each transaction that decides something, where this process may not write any more.
    """

    kind: str
    fence: Callable[[Connection], None] | None = None

    @abstractmethod
    def reading(self) -> AbstractContextManager[Connection]:
        """A consistent view; raises StoreUnavailable."""

    @abstractmethod
    def writing(self) -> AbstractContextManager[Connection]:
        """One transaction, and no other beside it, committed at the end of the block or not at all.

        Raises StoreUnavailable, or what `fence` raises.
        """

    @abstractmethod
    def turn(self) -> AbstractContextManager[None]:
        """While it is held nobody decides anything; raises StoreUnavailable."""

    @abstractmethod
    def writer(self) -> Writer:
        """A way in for the record."""

    @abstractmethod
    def now(self, connection: Connection) -> int:
        """Microseconds since 1970 in UTC by the clock that all hosts of this database share."""

    @abstractmethod
    def lease_clock(self, connection: Connection) -> tuple[str, int]:
        """A clock for leases: which start of it this is, and microseconds; only those of one start can be compared."""

    @abstractmethod
    def health(self) -> Health:
        """What the database says of itself; raises StoreUnavailable."""

    @abstractmethod
    def close(self) -> None:
        """Gives everything back."""

    def tell(self, connection: Connection, what: What = "decided") -> None:  # noqa: B027 - on one machine all look often
        """Wakes, once this transaction is committed, whoever listens for this on any host."""

    def listen(self, heard: Callable[[], None], what: What = "decided") -> Callable[[], None] | None:
        """Calls `heard` on a thread of its own when somebody `tell`s; what it returns ends that. None: no such thing.

        Of tasks that were queued or ended somebody is always told, though perhaps of other things too.
        """
        return None


@contextmanager
def translating(said: Callable[[Exception], str], *also: type[Exception]) -> Iterator[None]:
    """Turns what the driver or its pool raises into StoreUnavailable, in the words that `said` finds for it."""
    known: tuple[type[Exception], ...] = (DBAPIError, PoolExhausted, *also)
    try:
        yield
    except known as failed:
        raise StoreUnavailable(said(failed)) from failed


def keeping_to_text(engine: Engine) -> None:
    """Whatever is kept or looked for is as in `text_of`."""
    event.listen(engine, "before_cursor_execute", _keep_to_text, retval=True)


def text_of(value: Any) -> Any:
    """The value as both databases can keep it: PostgreSQL knows no U+0000 in a text, so that neither has one."""
    return value.replace(NO_TEXT, INSTEAD) if isinstance(value, str) and NO_TEXT in value else value


def _keep_to_text(_connection: Any, _cursor: Any, statement: str, told: Any, *_more: Any) -> tuple[str, Any]:
    if isinstance(told, list):  # of several rows
        return statement, [_texts(one) for one in told]
    return statement, _texts(told)


def _texts(told: Any) -> Any:
    if isinstance(told, dict):
        return {name: text_of(value) for name, value in told.items()}
    return tuple(map(text_of, told)) if isinstance(told, tuple) else told
