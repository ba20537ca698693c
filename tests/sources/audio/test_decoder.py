"""One process decodes for everybody: it is kept, ended where it overruns, and replaced where it dies."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from assay.errors import ApplicationInvalid, AudioRejected, AudioTooLong, AudioUnsupported
from assay.sources.audio.decoder import Decoder, Told, _refuse
from tests.waves import made, tone, wav


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    """One that has not decoded anything."""
    made = Decoder(timeout_s=20)
    yield made
    made.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Two seconds."""
    (tmp_path / "x.wav").write_bytes(wav())
    return tmp_path / "x.wav"


def gone(pid: int) -> bool:
    """Whether the process has ended, within a while."""
    for _ in range(500):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


def while_decoding(decoder: Decoder, file: Path, act: Callable[[int], None]) -> str:
    """What the refusal says of a recording during which something happens to the child, which stands still meanwhile."""
    decoder.decode(file, 0, 60)
    pid = decoder.pid or 0
    os.kill(pid, signal.SIGSTOP)
    acting = threading.Timer(0.2, act, (pid,))
    acting.start()
    with pytest.raises(AudioRejected) as refused:
        decoder.decode(file, 8_000, 60)
    acting.join()
    assert gone(pid)
    return f"{refused.value.kind}: {refused.value}"


def test_the_same_process_decodes_one_after_the_other(decoder: Decoder, file: Path) -> None:
    assert decoder.pid is None
    sound, samples = decoder.decode(file, 8_000, 60)
    first = decoder.pid
    assert (sound.frames, len(samples), samples.dtype.name) == (16_000, 16_000, "float32")
    samples += 1  # they are the caller's own
    assert len(decoder.decode(file, 16_000, 60)[1]) == 32_000
    assert len(decoder.decode(file, 0, 60)[1]) == 0
    assert decoder.pid == first


def test_a_refusal_leaves_the_process_as_it_is(decoder: Decoder, file: Path, tmp_path: Path) -> None:
    decoder.decode(file, 0, 60)
    first = decoder.pid
    (tmp_path / "y.wav").write_bytes(b"%PDF-1.7 no recording")
    for path, longest_s, kind in ((tmp_path / "y.wav", 60, AudioUnsupported), (file, 1, AudioTooLong)):
        with pytest.raises(kind):
            decoder.decode(path, 8_000, longest_s)
    with pytest.raises(FileNotFoundError):
        decoder.decode(tmp_path / "none", 8_000, 60)
    assert len(decoder.decode(file, 8_000, 60)[1]) == 16_000
    assert decoder.pid == first


def test_the_greatest_change_of_rate_fits(decoder: Decoder, tmp_path: Path) -> None:
    for rate, other in ((4_000, 384_000), (384_000, 4_000)):
        (tmp_path / "x.wav").write_bytes(made(tone(20, rate), rate, format="WAV"))
        assert len(decoder.decode(tmp_path / "x.wav", other, 60)[1]) == 20 * other


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT])
def test_a_process_that_dies_is_a_refusal_and_is_replaced(decoder: Decoder, file: Path, number: signal.Signals) -> None:
    def end(pid: int) -> None:
        os.kill(pid, number)
        os.kill(pid, signal.SIGCONT)

    said = while_decoding(decoder, file, end)
    assert said == f"decoder_crashed: The process that decoded the recording ended by {number.name}."
    assert len(decoder.decode(file, 8_000, 60)[1]) == 16_000


def test_one_that_used_up_its_processor_time_took_too_long(decoder: Decoder, file: Path) -> None:
    def end(pid: int) -> None:
        os.kill(pid, signal.SIGXCPU)
        os.kill(pid, signal.SIGCONT)

    assert while_decoding(decoder, file, end).startswith("decoder_timeout")


def test_one_that_stands_still_is_ended_and_replaced(file: Path) -> None:
    decoder = Decoder(timeout_s=0.5)
    assert while_decoding(decoder, file, lambda pid: None).startswith("decoder_timeout")
    assert len(decoder.decode(file, 8_000, 60)[1]) == 16_000
    decoder.close()


def test_one_that_died_meanwhile_is_replaced_without_a_word(decoder: Decoder, file: Path) -> None:
    decoder.decode(file, 0, 60)
    first = decoder.pid or 0
    os.kill(first, signal.SIGKILL)
    time.sleep(0.2)
    assert decoder.decode(file, 0, 60)[0].frames == 16_000
    assert decoder.pid != first


def test_many_threads_may_ask(decoder: Decoder, file: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        rates = [4_000 + 100 * i for i in range(40)]
        found = [*pool.map(lambda rate: len(decoder.decode(file, rate, 60)[1]), rates)]
    assert found == [2 * rate for rate in rates]


def test_who_is_closed_ends_what_is_under_way_and_refuses_what_comes(decoder: Decoder, file: Path) -> None:
    said = while_decoding(decoder, file, lambda _pid: decoder.close())
    assert said.startswith("decoder_crashed")
    with pytest.raises(AudioRejected, match="was ended"):
        decoder.decode(file, 0, 60)
    assert decoder.pid is None


def test_too_little_memory_is_no_more_than_a_refusal(file: Path) -> None:
    decoder = Decoder(memory_bytes=60 << 20)
    with pytest.raises((AudioRejected, ApplicationInvalid)):
        decoder.decode(file, 0, 60)
    decoder.close()


def test_the_process_goes_with_its_decoder_and_with_its_parent(file: Path) -> None:
    decoder = Decoder()
    decoder.decode(file, 0, 60)
    pid = decoder.pid or 0
    del decoder
    gc.collect()
    assert gone(pid)
    program = (
        "import os, sys; from pathlib import Path; from assay.sources.audio.decoder import Decoder; one = Decoder()\n"
        "one.decode(Path(sys.argv[1]), 0, 60); print(one.pid, flush=True); os._exit(9)"
    )
    ran = subprocess.run([sys.executable, "-c", program, str(file)], capture_output=True, text=True, check=False)
    assert ran.returncode == 9, ran.stderr
    assert gone(int(ran.stdout))


def test_what_the_child_refuses_with_is_raised_here() -> None:
    with pytest.raises(ApplicationInvalid, match="install"):
        _refuse(Told(code="application_invalid", error="install"))
    with pytest.raises(AudioRejected) as refused:
        _refuse(Told(code="audio_rejected", kind="empty", error="x"))
    assert refused.value.kind == "empty"
