"""The process that decodes gives up what it does not need, and makes a refusal of whatever a file does to its libraries."""

from __future__ import annotations

import os
import resource
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from assay.domain.items.item import Sound
from assay.errors import AudioRejected, AudioTooLong
from assay.sources.audio.child import NEEDED, OPEN_FILES, limit, outcome, serve
from assay.sources.audio.decoder import HEAD, MEMORY_BYTES, TOLD, Decoder, Told
from tests.waves import wav

SOUND = Sound(format="wav", rate=8_000, channels=1, frames=8_000)


@contextmanager
def running(place: Path) -> Iterator[tuple[Decoder, Path]]:
    """A decoder whose child runs, and what the system says of that."""
    (place / "x.wav").write_bytes(wav())
    decoder = Decoder()
    decoder.decode(place / "x.wav", 0, 60)
    try:
        yield decoder, Path(f"/proc/{decoder.pid}")
    finally:
        decoder.close()


def raising(error: BaseException) -> Any:
    """Something that listens and fails."""

    def listen(*_told: Any) -> Sound:
        raise error

    return listen


def test_a_sound_is_told_as_it_is() -> None:
    assert outcome(lambda rate: msgspec.structs.replace(SOUND, rate=rate), 8_000) == Told(sound=SOUND)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (AudioRejected("It is empty.", "empty"), ("audio_rejected", "empty", "It is empty.")),
        (AudioTooLong("It is long."), ("audio_too_long", "", "It is long.")),
        (MemoryError(), ("audio_rejected", "damaged", "The recording needs more memory than it is given.")),
        (ZeroDivisionError("x"), ("audio_rejected", "damaged", "The recording is damaged (ZeroDivisionError).")),
        (OSError("an error of the disk"), ("audio_rejected", "damaged", "The recording is damaged (OSError).")),
    ],
)
def test_whatever_goes_wrong_is_a_refusal(error: BaseException, told: tuple[str, ...]) -> None:
    found = outcome(raising(error))
    assert (found.code, found.kind, found.error) == told


def test_where_nobody_waits_any_more_it_ends() -> None:
    with pytest.raises(BrokenPipeError):
        outcome(raising(BrokenPipeError()))


def test_without_its_libraries_it_says_how_to_install_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "assay.sources.audio.hearing", raising=False)
    monkeypatch.setitem(sys.modules, "soxr", None)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        serving = threading.Thread(target=serve, args=(theirs,))
        serving.start()
        what, length = HEAD.unpack(ours.recv(HEAD.size))
        told = msgspec.msgpack.decode(ours.recv(length), type=Told)
        serving.join(10)
    assert (what, told.code, told.error) == (TOLD, "application_invalid", NEEDED)
    assert "assay[audio]" in told.error


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_it_has_limits_and_no_environment(tmp_path: Path) -> None:
    with running(tmp_path) as (decoder, process):
        limits = {line[:26].strip(): line[26:].split()[:2] for line in (process / "limits").read_text().splitlines()}
        assert limits["Max address space"] == [str(MEMORY_BYTES)] * 2
        assert limits["Max open files"] == [str(OPEN_FILES)] * 2
        assert limits["Max core file size"] == limits["Max file size"] == ["0", "0"]
        assert int(limits["Max cpu time"][0]) <= 200
        assert (process / "environ").read_text().count("=") == 1
        assert os.getsid(decoder.pid or 0) == decoder.pid
        held = {str(one.readlink()).split(":")[0] for one in (process / "fd").iterdir()}
        assert held == {"/dev/null", "socket"}


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_it_has_no_network_where_the_system_lets_it_give_that_up(tmp_path: Path) -> None:
    with running(tmp_path) as (_, process):
        if (process / "ns/net").readlink() == Path("/proc/self/ns/net").readlink():
            pytest.skip("this system does not let a process give up its network")
        links = (process / "net/dev").read_text().splitlines()[2:]
        assert [line.split(":")[0].strip() for line in links] == ["lo"]


def test_a_limit_is_never_raised_above_the_one_that_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, tuple[int, int]]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda which, limits: asked.append((which, limits)))
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (5, 9))
    limit(resource.RLIMIT_NOFILE, 20)
    limit(resource.RLIMIT_NOFILE, 7)
    assert asked == [(resource.RLIMIT_NOFILE, (9, 9)), (resource.RLIMIT_NOFILE, (7, 7))]
