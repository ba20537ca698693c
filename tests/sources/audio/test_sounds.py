"""A model hears a recording second by second, and many recordings one after the other without waiting."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.domain.question.field import Audio, Field
from assay.errors import ArtifactRejected, AssayError, AudioRejected, AudioTooLong, AudioUnsupported
from assay.sources.audio.sounds import AHEAD, MOST_SAMPLES, Sounds, check_size, windows_of
from tests.waves import Samples, made, tone, wav

FIELD: Field = Audio(rate=8_000, margin_s=0.25)


class Kept:
    """Files by their sha256, as the artifacts keep them."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.asked: list[str] = []

    def put(self, data: bytes) -> str:
        """Keeps the bytes."""
        name = sha256(data).hexdigest()
        (self.place / name).write_bytes(data)
        return name

    def locate(self, name: str) -> Path:
        """Where they are; raises ArtifactRejected."""
        self.asked.append(name)
        if not (self.place / name).exists():
            raise ArtifactRejected(f"The file {name[:12]}… is missing or cannot be read.")
        return self.place / name


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """An empty place."""
    return Kept(tmp_path)


@pytest.fixture
def sounds(kept: Kept) -> Iterator[Sounds]:
    """What hears them."""
    made = Sounds(kept.locate)
    yield made
    made.close()


def plainly(samples: Samples, seconds: int, field: Field) -> Samples:
    """The windows, cut one by one."""
    before = (field.samples - field.rate) // 2
    longer = np.concatenate([np.zeros(before), samples, np.zeros(field.samples)]).astype(np.float32)
    return np.stack([longer[second * field.rate :][: field.samples] for second in range(seconds)])


@pytest.mark.parametrize("margin_s", [0, 0.25, 0.333, 1.0, 10.0])
@pytest.mark.parametrize("count", [8_000, 8_001, 15_999, 16_000, 20_000, 31_999])
def test_windows_are_seconds_with_their_margins(count: int, margin_s: float) -> None:
    field: Field = Audio(rate=8_000, margin_s=margin_s)
    samples = np.random.default_rng(count).uniform(-1, 1, count).astype(np.float32)
    found = windows_of(samples, count // 8_000, field)
    assert found.shape == (count // 8_000, field.samples)
    assert np.array_equal(found, plainly(samples, count // 8_000, field))
    assert found.flags.c_contiguous and found.flags.writeable and found.dtype == np.float32


def test_an_odd_margin_has_its_one_sample_more_after_the_second() -> None:
    field: Field = Audio(rate=4_001, margin_s=0.1)
    assert field.samples - field.rate == 800
    odd: Field = Audio(rate=4_005, margin_s=0.1)
    assert odd.samples - odd.rate == 801
    samples = np.arange(1, 4_006, dtype=np.float32)
    assert windows_of(samples, 1, odd)[0, 400] == 1


def test_the_trailing_part_of_a_second_is_heard_in_the_margin_only(kept: Kept, sounds: Sounds) -> None:
    name = kept.put(made(tone(2.9), format="WAV", subtype="FLOAT"))
    windows = sounds.windows(name, FIELD)
    assert windows.shape == (2, 12_000)
    assert np.array_equal(windows[1, -2_000:], tone(2.9)[16_000:18_000, 0])
    assert len(sounds.samples(name, 8_000)) == 23_200


@pytest.mark.parametrize("rate", [11_025, 44_100, 48_000])
def test_seconds_are_counted_before_resampling(rate: int, kept: Kept, sounds: Sounds) -> None:
    almost = kept.put(made(tone(3, rate)[:-1], rate, format="FLAC"))
    whole = kept.put(made(tone(3, rate), rate, format="FLAC"))
    assert (len(sounds.windows(almost, FIELD)), len(sounds.windows(whole, FIELD))) == (2, 3)
    assert len(sounds.samples(almost, 8_000)) == round((3 * rate - 1) * 8_000 / rate)


def test_a_file_is_examined_wherever_it_is(tmp_path: Path, sounds: Sounds) -> None:
    (tmp_path / "x").write_bytes(wav(3))
    sound = sounds.examine(tmp_path / "x")
    assert (sound.format, sound.duration_s, sound.notes) == ("wav", 3.0, ())
    with pytest.raises(AudioTooLong):
        sounds.examine(tmp_path / "x", longest_s=2)


def test_longer_than_its_field_allows_is_refused(kept: Kept, sounds: Sounds) -> None:
    name = kept.put(wav(3))
    assert len(sounds.windows(name, Audio(rate=8_000, longest_s=3))) == 3
    with pytest.raises(AudioTooLong):
        sounds.windows(name, Audio(rate=8_000, longest_s=2.5))


def test_windows_that_memory_is_not_given_for_are_refused() -> None:
    field: Field = Audio(rate=1 << 16, margin_s=0)
    check_size(MOST_SAMPLES >> 16, field)
    with pytest.raises(AudioTooLong, match="4,097 seconds"):
        check_size((MOST_SAMPLES >> 16) + 1, field)


def test_what_is_not_there_is_said_by_whoever_keeps_it(sounds: Sounds) -> None:
    with pytest.raises(ArtifactRejected):
        sounds.windows("0" * 64, FIELD)
    with pytest.raises(ArtifactRejected):
        sounds.samples("0" * 64, 8_000)


def test_a_file_that_is_gone_once_it_was_located_is_missing(tmp_path: Path) -> None:
    sounds = Sounds(lambda name: tmp_path / name)
    with pytest.raises(ArtifactRejected, match="missing"):
        sounds.samples("a" * 64, 8_000)
    sounds.close()


def test_ahead_goes_on_after_bad_ones(kept: Kept, sounds: Sounds) -> None:
    good = [kept.put(wav(seconds)) for seconds in (1, 2, 3)]
    bad = [kept.put(b"%PDF-1.7"), kept.put(wav(0.5)), "f" * 64]
    order = [good[0], bad[0], good[1], bad[1], bad[2], good[2], good[0]]
    found = [*sounds.ahead(iter(order), FIELD)]
    assert [name for name, _ in found] == order
    kinds = [type(one) for _, one in found]
    assert kinds == [np.ndarray, AudioUnsupported, np.ndarray, AudioRejected, ArtifactRejected, np.ndarray, np.ndarray]
    assert [len(one) for _, one in found if isinstance(one, np.ndarray)] == [1, 2, 3, 1]
    assert all(np.array_equal(one, sounds.windows(name, FIELD)) for name, one in found if isinstance(one, np.ndarray))


def test_ahead_decodes_while_its_caller_works_and_not_more_than_it_may(kept: Kept, sounds: Sounds) -> None:
    names = [kept.put(wav(1 + i / 10)) for i in range(20)]
    taken = sounds.ahead(names, FIELD)
    next(taken)
    for _ in range(500):
        if len(kept.asked) == 1 + AHEAD:
            break
        time.sleep(0.01)
    time.sleep(0.1)
    assert kept.asked == names[: 1 + AHEAD]
    assert len([*taken]) == 19


def test_ahead_takes_digests_in_the_thread_of_its_caller(kept: Kept, sounds: Sounds) -> None:
    threads = []

    def digests() -> Iterator[str]:
        for _ in range(5):
            threads.append(threading.get_ident())
            yield kept.put(wav())

    assert len([*sounds.ahead(digests(), FIELD)]) == 5
    assert set(threads) == {threading.get_ident()}


def test_who_leaves_ahead_early_leaves_nothing_running(kept: Kept, sounds: Sounds) -> None:
    before = threading.active_count()
    taken = sounds.ahead([kept.put(wav())] * 10, FIELD)
    next(taken)
    taken.close()  # type: ignore[attr-defined]  # it is a generator
    assert threading.active_count() == before
    assert len(kept.asked) <= 1 + AHEAD
    assert [*sounds.ahead([], FIELD)] == []


def test_a_child_that_is_killed_between_two_is_replaced(kept: Kept, sounds: Sounds) -> None:
    names = [kept.put(wav(1 + i / 10)) for i in range(6)]
    found: list[Any] = []
    for _, one in sounds.ahead(names, FIELD):
        found.append(one)
        if len(found) == 2 and sounds.pid is not None:
            os.kill(sounds.pid, signal.SIGKILL)
    failed = [one for one in found if isinstance(one, AssayError)]
    assert len(found) == 6 and len(failed) <= 1
    assert all(isinstance(one, AudioRejected) and one.kind == "decoder_crashed" for one in failed)
    assert isinstance(found[-1], np.ndarray)


def test_real_speech_is_heard(shared: Path) -> None:
    files = sorted((shared / "data" / "digits").glob("*.flac"))
    by_name = {f"{i:064x}": file for i, file in enumerate(files)}
    sounds = Sounds(by_name.__getitem__)
    field: Field = Audio(rate=16_000)
    found = dict(sounds.ahead(by_name, field))
    facts = [sounds.examine(file) for file in files]
    sounds.close()
    assert len(files) == 48
    assert {(one.format, one.rate, one.notes) for one in facts} == {("flac", 8_000, ())}
    for heard, fact in zip(found.values(), facts, strict=True):
        assert isinstance(heard, np.ndarray)
        assert heard.shape == (int(fact.duration_s), 24_000)
        assert 0.05 < np.abs(heard).max() <= 1


def test_whoever_serves_imports_no_library_of_audio() -> None:
    program = "import sys; import assay.sources.audio.sounds; print(*{name.split('.')[0] for name in sys.modules})"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"soundfile", "soxr", "polars", "scipy", "sklearn"} & set(ran.stdout.split())
