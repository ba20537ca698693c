"""A disk that loses power: replays the system calls of a process, and keeps only what a sync has made durable.

The strict replay keeps nothing that no completed fsync covers: not the bytes of a file, not a name in a folder. The
adversarial one also keeps what a real disk may have kept by chance: any of the unsynced writes, each torn at sectors of
512 bytes, and any of the names that were made, moved or removed since their folder was synced.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SECTOR = 512
CALLS = "openat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,pwrite64,write,writev,sendto,sendmsg,ftruncate,fsync,fdatasync"
_LINE = re.compile(r"^(\d+) +(?:<\.\.\. (\w+) resumed>(.*)|(\w+)\((.*))$")
_RETURNED = re.compile(r"^(.*)\)\s+= (-?\d+)(?:<.*>)?(?: \(.*\)| .*)?$")
_UNFINISHED = "<unfinished ...>"
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_HANDLE = re.compile(r"^\d+<([^>]*)>")
_EXCHANGE = re.compile(rb"x-request-id: ([0-9a-f]{32})")


def tracer(strace: str, log: Path) -> list[str]:
    """The command before a command, to write down what its process and threads ask the disk and the network for."""
    return [strace, "-f", "--seccomp-bpf", "-yy", "-xx", "-s", "100000000", "-o", str(log), "-e", f"trace={CALLS}"]


@dataclass(frozen=True)
class Call:
    """One system call; `ended` is false where it has only begun."""

    name: str
    arguments: str
    ended: bool
    began: bool
    thread: str


@dataclass
class Inode:
    """A file: the bytes that a sync has made durable, and the changes since, each with its number."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, int, bytes | None]] = field(default_factory=list)  # number, offset, data (None: truncated)
    length: int = 0  # as the running system sees it

    def write(self, number: int, offset: int, data: bytes) -> None:
        """A write that is not durable yet."""
        self.pending.append((number, offset, data))
        self.length = max(self.length, offset + len(data))

    def truncate(self, number: int, length: int) -> None:
        """A new length that is not durable yet."""
        self.pending.append((number, length, None))
        self.length = length

    def sync(self, before: int) -> None:
        """Everything that was written before this number is durable."""
        for _, offset, data in [one for one in self.pending if one[0] < before]:
            _apply(self.durable, offset, data)
        self.pending = [one for one in self.pending if one[0] >= before]

    def found(self, draw: random.Random | None) -> bytes:
        """What is found after the power has failed: strictly, or with some of what was not synced."""
        content = bytearray(self.durable)
        for _, offset, data in self.pending if draw is not None else ():
            assert draw is not None
            if draw.random() < 0.5:
                continue
            if data is None:
                _apply(content, offset, data)
                continue
            for at in range(0, len(data), SECTOR):
                if draw.random() < 0.7:
                    _apply(content, offset + at, data[at : at + SECTOR])
        return bytes(content)


@dataclass(frozen=True)
class Renaming:
    """A change of a folder that is not durable yet: `inode` has a new name, an old one is gone, or both."""

    removed: str | None
    added: str | None
    inode: Inode | None


class Disk:
    """The files under one folder, from a durable beginning."""

    def __init__(self, root: Path, beginning: Path, *, deaf: Path | None = None) -> None:
        """`deaf` is a folder whose syncs are left out, as if the program had forgotten them."""
        self.root = str(root)
        self._deaf = str(deaf or "/nowhere")
        self.answers: list[str] = []
        self._number = 0
        self._names: dict[str, Inode] = {}
        self._durable: dict[str, Inode | None] = {self.root: None}
        self._unsynced: list[Renaming] = []
        self._syncing: dict[str, int] = {}
        for path in beginning.rglob("*"):
            name = str(root / path.relative_to(beginning))
            content = bytearray(path.read_bytes()) if path.is_file() else None
            self._durable[name] = inode = None if content is None else Inode(content, length=len(content))
            if inode is not None:
                self._names[name] = inode

    def replay(self, log: Path) -> Iterator[str]:
        """Applies call after call; yields the kind of each once it is done: answer, write, sync or name.

        An answer counts from the moment at which its first byte is handed to the network.
        """
        with log.open(errors="replace") as lines:
            for call in calls(lines):
                self._number += 1
                kind = self._kind(call)
                if kind:
                    self._take(call, kind)
                    yield kind

    def after_power_loss(self, place: Path, draw: random.Random | None = None) -> Path:
        """Writes what is found once the power is back."""
        names = dict(self._durable)
        for change in self._unsynced if draw is not None else ():
            assert draw is not None
            if draw.random() < 0.5:
                _rename(names, change)
        for name in sorted(names):
            inode, target = names[name], place / Path(name).relative_to(self.root)
            parents = [str(parent) for parent in Path(name).parents]
            if any(parent.startswith(self.root) and parent not in names for parent in parents):
                continue  # the folder itself was lost
            if inode is None:
                target.mkdir(parents=True, exist_ok=True)
            elif not name.endswith("-shm"):  # shared memory in a file; it is rebuilt
                target.write_bytes(inode.found(draw))
        return place

    def _kind(self, call: Call) -> str:
        if call.name in ("write", "writev", "sendto", "sendmsg") and call.began and b"HTTP/1.1 " in _data(call)[:16]:
            return "answer" if b"TCP" in _handle(call).encode() else ""
        if call.name in ("fsync", "fdatasync"):
            return "sync" if self._ours(_handle(call)) and not _handle(call).startswith(self._deaf) else ""
        if not call.ended:
            return ""
        if call.name in ("pwrite64", "write", "ftruncate"):
            return "write" if self._ours(_handle(call)) else ""
        named = [path for path in _paths(call) if self._ours(path)]
        if call.name == "openat" and "O_CREAT" not in call.arguments:
            return ""
        return "name" if named and call.name.startswith(("openat", "mkdir", "rename", "unlink")) else ""

    def _take(self, call: Call, kind: str) -> None:
        if kind == "answer":
            self.answers += [one.decode() for one in _EXCHANGE.findall(_data(call))]
        elif kind == "sync":
            self._sync(call, _handle(call))
        elif kind == "write":
            self._write(call, self._names.setdefault(_handle(call), Inode()))
        else:
            self._name(call, [path for path in _paths(call) if self._ours(path)])

    def _sync(self, call: Call, path: str) -> None:
        if call.began:
            self._syncing[call.thread] = self._number
        if not call.ended:
            return
        before = self._syncing.pop(call.thread)
        if path in self._names:
            self._names[path].sync(before)
            return
        kept = []
        for change in self._unsynced:
            if path in {str(Path(name).parent) for name in (change.removed, change.added) if name}:
                _rename(self._durable, change)
            else:
                kept.append(change)
        self._unsynced = kept

    def _write(self, call: Call, inode: Inode) -> None:
        numbers = [int(one) for one in re.findall(r", (\d+)(?=,|$)", _TEXT.sub("", call.arguments))]
        if call.name == "ftruncate":
            inode.truncate(self._number, numbers[-1])
        else:
            inode.write(self._number, numbers[-1] if call.name == "pwrite64" else inode.length, _data(call))

    def _name(self, call: Call, paths: list[str]) -> None:
        if call.name.startswith("rename"):
            moved = self._names.pop(paths[0])
            self._names[paths[1]] = moved
            self._unsynced.append(Renaming(paths[0], paths[1], moved))
        elif call.name.startswith("unlink"):
            self._unsynced.append(Renaming(paths[0], None, self._names.pop(paths[0], None)))
        elif call.name.startswith("mkdir"):
            self._unsynced.append(Renaming(None, paths[0], None))
        elif paths[0] not in self._names:
            self._names[paths[0]] = made = Inode()
            self._unsynced.append(Renaming(None, paths[0], made))
        elif "O_TRUNC" in call.arguments:
            self._names[paths[0]].truncate(self._number, 0)

    def _ours(self, path: str) -> bool:
        return path.startswith(self.root + "/") or path == self.root


def calls(lines: Iterator[str]) -> Iterator[Call]:
    """The calls of a trace that succeeded, in order; one that others interrupted comes twice, when it began and ended."""
    open_: dict[str, str] = {}
    for line in lines:
        matched = _LINE.match(line.rstrip("\n"))
        if not matched:
            continue
        thread, resumed, rest, name, arguments = matched.groups()
        if name and arguments.endswith(_UNFINISHED):
            open_[thread] = arguments.removesuffix(_UNFINISHED).rstrip()
            yield Call(name, open_[thread], ended=False, began=True, thread=thread)
            continue
        whole = arguments if name else open_.pop(thread, "") + rest
        returned = _RETURNED.match(whole)
        if returned and int(returned[2]) >= 0:
            yield Call(name or resumed, returned[1], ended=True, began=bool(name), thread=thread)


def _rename(names: dict[str, Inode | None], change: Renaming) -> None:
    if change.removed is not None:
        names.pop(change.removed, None)
    if change.added is not None:
        names[change.added] = change.inode


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
    upto = offset + len(data or b"")
    if len(content) < upto:
        content.extend(b"\0" * (upto - len(content)))
    if data:
        content[offset:upto] = data


def _plain(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def _data(call: Call) -> bytes:
    return b"".join(_plain(text) for text in _TEXT.findall(call.arguments))


def _handle(call: Call) -> str:
    matched = _HANDLE.match(call.arguments)
    if not matched:
        return ""
    told = matched[1]
    return _plain(told).decode(errors="replace") if told.startswith("\\x") else told


def _paths(call: Call) -> list[str]:
    return [_plain(text).decode(errors="replace") for text in _TEXT.findall(call.arguments)]
