"""The child's side of `decoder.py`: hears one recording after the other under limits, until its socket closes."""

from __future__ import annotations

import ctypes
import os
import resource
import socket
import sys
from collections.abc import Callable
from typing import Any

import msgspec

from assay.domain.items.item import Sound
from assay.errors import ApplicationInvalid, AssayError, AudioRejected
from assay.sources.audio.decoder import ASK, HEAD, SAMPLES, TOLD, Told

OPEN_FILES = 16
NEEDED = "Recordings need the optional part of Assay for audio: install assay[audio]."
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000


def serve(line: socket.socket) -> None:
    """Answers until the other end is closed; says first whether it can."""
    try:
        from assay.sources.audio.hearing import hear  # noqa: PLC0415 - its libraries are an optional extra
    except ImportError:
        tell(line, Told(code=ApplicationInvalid.code, error=NEEDED))
        return
    confine()
    tell(line, Told())
    while (asked := _asked(line)) is not None:
        (rate, longest_s, cpu_s), descriptor = asked
        _allow(cpu_s)
        with os.fdopen(descriptor, "rb") as file:
            told = outcome(hear, file, rate, longest_s, _giving(line))
        tell(line, told)


def tell(line: socket.socket, told: Told) -> None:
    """Sends what came of it."""
    data = msgspec.msgpack.encode(told)
    line.sendall(HEAD.pack(TOLD, len(data)) + data)


def outcome(listen: Callable[..., Sound], *told: Any) -> Told:
    """What came of listening: a sound, or the refusal; raises ConnectionError where nobody waits for it any more."""
    try:
        return Told(sound=listen(*told))
    except ConnectionError:
        raise
    except AssayError as refused:
        return Told(code=refused.code, kind=getattr(refused, "kind", ""), error=str(refused))
    except MemoryError:
        said = "The recording needs more memory than it is given."
    except Exception as failed:  # noqa: BLE001 - whatever a damaged file makes of the libraries is its refusal
        said = f"The recording is damaged ({type(failed).__name__})."
    return Told(code=AudioRejected.code, kind="damaged", error=said)


def confine() -> None:
    """A few open files, none written, and no network from now on, where the system lets a process give that up."""
    limit(resource.RLIMIT_NOFILE, OPEN_FILES)
    limit(resource.RLIMIT_FSIZE, 0)
    unshare = getattr(ctypes.CDLL(None), "unshare", None)
    if unshare is not None:  # Linux; where it is not allowed to, it goes on with the other limits
        unshare(_CLONE_NEWUSER | _CLONE_NEWNET)


def limit(which: int, value: int) -> None:
    """Sets a limit that this process cannot take back, and never one above that which holds already."""
    hard = resource.getrlimit(which)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (value, value))


def _giving(line: socket.socket) -> Callable[[Any], None]:
    def give(samples: Any) -> None:
        data = samples.astype("<f4", copy=False).tobytes()
        line.sendall(HEAD.pack(SAMPLES, len(data)))
        line.sendall(data)

    return give


def _asked(line: socket.socket) -> tuple[Any, int] | None:
    data, files = b"", list[int]()
    while len(data) < ASK.size:
        more, found, _, _ = socket.recv_fds(line, ASK.size - len(data), 1)
        if not more:
            return None
        data, files = data + more, files + list(found)
    return ASK.unpack(data), files[0]


def _allow(cpu_s: float) -> None:
    """So much time of a processor from now on, after which the system ends this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + cpu_s) + 1
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def main() -> None:
    """The socket's descriptor and the limit of memory in bytes are told as arguments."""
    limit(resource.RLIMIT_AS, int(sys.argv[2]))
    limit(resource.RLIMIT_CORE, 0)
    with socket.socket(fileno=int(sys.argv[1])) as line:
        serve(line)


if __name__ == "__main__":
    main()
