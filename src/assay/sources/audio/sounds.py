"""Kept recordings as models hear them: a second at a time, decoded elsewhere and, where many follow, ahead of their turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assay.domain.items.item import Sound
from assay.domain.question.field import Field
from assay.errors import ArtifactRejected, AssayError, AudioTooLong
from assay.sources.audio.decoder import TIMEOUT_S, Decoder

LONGEST_S = 3_600.0
MOST_SAMPLES = 1 << 28  # of one recording, all its seconds and their margins together
AHEAD = 2  # recordings that are decoded before they are asked for
Samples = NDArray[np.float32]


class Sounds:
    """Recordings by the sha256 of their bytes; `locate` says where they are and raises ArtifactRejected.

    Any number of threads may ask. The one child that decodes is started when it is first needed, and ended by `close`.
    """

    def __init__(self, locate: Callable[[str], Path], *, timeout_s: float = TIMEOUT_S) -> None:
        self.locate = locate
        self._decoder = Decoder(timeout_s=timeout_s)

    @property
    def pid(self) -> int | None:
        """The process that decodes, if it runs."""
        return self._decoder.pid

    def examine(self, file: Path, longest_s: float = LONGEST_S) -> Sound:
        """What a file is, heard from beginning to end and not kept.

        Raises AudioRejected, AudioUnsupported or AudioTooLong; OSError where there is no such file.
        """
        return self._decoder.decode(file, 0, longest_s)[0]

    def samples(self, digest: str, rate: int, longest_s: float = LONGEST_S) -> Samples:
        """The whole recording: float32 [n], mono, in [-1, 1], `rate` of them a second.

        Raises AudioRejected, AudioUnsupported, AudioTooLong or ArtifactRejected.
        """
        return self._decoded(digest, rate, longest_s)[1]

    def windows(self, digest: str, field: Field) -> Samples:
        """float32 [seconds, samples]: each whole second with its margins, zeros before the beginning and after the end.

        Raises what `samples` does.
        """
        return self._cut(*self._decoded(digest, field.rate, field.longest_s), field)

    def ahead(self, digests: Iterable[str], field: Field) -> Iterator[tuple[str, Samples | AssayError]]:
        """Each recording's windows in the order of the digests, or why it has none; the next ones are decoded meanwhile."""
        waiting: deque[tuple[str, Future[tuple[Sound, Samples]]]] = deque()
        pool = ThreadPoolExecutor(1, "ahead")
        try:
            for digest in digests:
                waiting.append((digest, pool.submit(self._decoded, digest, field.rate, field.longest_s)))
                if len(waiting) > AHEAD:
                    yield self._outcome(*waiting.popleft(), field)
            while waiting:
                yield self._outcome(*waiting.popleft(), field)
        finally:
            pool.shutdown(cancel_futures=True)

    def close(self) -> None:
        """Ends the child; whoever asks afterwards is refused."""
        self._decoder.close()

    def _outcome(
        self, digest: str, decoded: Future[tuple[Sound, Samples]], field: Field
    ) -> tuple[str, Samples | AssayError]:
        try:
            return digest, self._cut(*decoded.result(), field)
        except AssayError as refused:
            return digest, refused

    def _decoded(self, digest: str, rate: int, longest_s: float) -> tuple[Sound, Samples]:
        file = self.locate(digest)
        try:
            return self._decoder.decode(file, rate, min(longest_s, MOST_SAMPLES / rate))
        except OSError as gone:
            raise ArtifactRejected(f"The file {digest[:12]}… is missing or cannot be read.") from gone

    @staticmethod
    def _cut(sound: Sound, samples: Samples, field: Field) -> Samples:
        return windows_of(samples, sound.frames // sound.rate, field)


def check_size(seconds: int, field: Field) -> None:
    """Raises AudioTooLong where all the windows together are more than memory is given for."""
    if seconds * field.samples > MOST_SAMPLES:
        told = f"The recording's {seconds:,} seconds of {field.samples:,} samples each are more than {MOST_SAMPLES:,}."
        raise AudioTooLong(told)


def windows_of(samples: Samples, seconds: int, field: Field) -> Samples:
    """float32 [seconds, field.samples]: second t is [t, t + 1) of the samples, with the margins around it.

    Of an odd number of samples in both margins together the one more is after the second. Raises AudioTooLong.
    """
    check_size(seconds, field)
    before = (field.samples - field.rate) // 2
    padded = np.zeros((seconds - 1) * field.rate + field.samples, np.float32)
    heard = samples[: len(padded) - before]
    padded[before : before + len(heard)] = heard
    return np.lib.stride_tricks.sliding_window_view(padded, field.samples)[:: field.rate].copy()
