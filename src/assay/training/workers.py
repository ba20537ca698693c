"""Threads for fits, which give up at once when whoever waits for them is interrupted.

Threads and not processes: XGBoost, scikit-learn's compiled parts and numpy let others run while they compute, and an
author's estimators need not survive a way between processes.
"""

from __future__ import annotations

import contextvars
import ctypes
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Self, TypeVar

import sklearn

ResultT = TypeVar("ResultT")


class Workers:
    """`count` threads; leaving the block by an exception ends what runs in them, at the next line of Python there."""

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="fit")
        self._busy: set[int] = set()
        self._over = False
        self._changing = threading.Lock()
        self._settings = sklearn.get_config()  # an author's `sklearn.set_config` holds for one thread only

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            with self._changing:
                self._over = True
                for thread in self._busy:
                    _raise_in(thread, CancelledError)
        self._pool.shutdown(wait=True)

    def submit(self, task: Callable[[], ResultT]) -> Future[ResultT]:
        """What the task will give, or raise, when a thread has had the time."""
        return self._pool.submit(contextvars.copy_context().run, self._run, task)

    def _run(self, task: Callable[[], ResultT]) -> ResultT:
        thread = threading.get_ident()
        with self._changing:
            if self._over:
                raise CancelledError
            self._busy.add(thread)
        try:
            with sklearn.config_context(**self._settings):
                return task()
        finally:
            with self._changing:
                self._busy.discard(thread)


def _raise_in(thread: int, error: type[Exception]) -> None:
    """Raises the error in another thread. No BaseException: one that passes a library's callbacks from C is printed."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(error))
