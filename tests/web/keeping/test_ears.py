"""A supervisor wakes for a signal, for what a process says, and when the time has come."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

CODE = """
import os, signal, sys
from assay.clock import ticks_us
from assay.web.keeping.children import Starter
from assay.web.keeping.ears import Ears
signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))
os.kill(os.getpid(), signal.SIGTERM)
ears = Ears((signal.SIGTERM, signal.SIGHUP))
print(*ears.wait(ticks_us() + 10_000_000))
os.kill(os.getpid(), signal.SIGHUP)
print(*ears.wait(ticks_us() + 10_000_000))
child = Starter(sys.argv[1], "{}", 0).plan()
ears.watch([child])
while child.report is None:
    told = ears.wait(ticks_us() + 10_000_000)
print(child.ready)
while not child.gone():
    ears.wait(ticks_us() + 100_000)
began = ticks_us()
ears.wait(began + 50_000)
ears.wait(began + 50_000)
print(ticks_us() - began >= 50_000)
"""


def test_it_hears_signals_even_those_that_were_held_back_and_its_processes() -> None:
    told = [sys.executable, "-c", CODE, str(Path(__file__).parent)]
    ran = subprocess.run(told, capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.split() == [str(int(signal.SIGTERM)), str(int(signal.SIGHUP)), "True", "True"]
