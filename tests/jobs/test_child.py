"""A child ends when it is told to, says how it ended, and its words are passed on and remembered."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from assay.jobs.child import SAID, Child

LONG_S = 30.0
OBEDIENT = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {OBEDIENT}"
WAITING = "import os, sys; os.read(int(sys.argv[1]), 1); print('the pipe is closed')"


def child(code: str) -> Child:
    return Child(lambda pipe: [sys.executable, "-c", code, str(pipe)])


def closed(made: Child) -> tuple[str, str]:
    assert not made.runs(LONG_S)
    return made.close()


@pytest.mark.parametrize(
    ("code", "how"),
    [("pass", "ended with status 0"), ("import sys; sys.exit(3)", "ended with status 3"),
     ("import os; os.kill(os.getpid(), 11)", "ended by signal 11")],
)  # fmt: skip
def test_it_says_how_it_ended(code: str, how: str) -> None:
    assert closed(child(code)) == (how, "")


def test_what_it_says_is_passed_on_and_its_end_remembered(capsys: pytest.CaptureFixture[str]) -> None:
    said = closed(child("import sys; print('ä' * 6000); sys.stdout.flush(); sys.stderr.write('the end')"))[1]
    assert capsys.readouterr().err == "ä" * 6000 + "\nthe end"
    assert said.endswith("ä\nthe end")
    assert len(said) == SAID


def test_bytes_that_are_no_text_do_no_harm(capsys: pytest.CaptureFixture[str]) -> None:
    assert closed(child(r"import os; os.write(2, b'\xff\x00x')"))[1] == "�\x00x"
    capsys.readouterr()


@pytest.mark.parametrize(("code", "number"), [(OBEDIENT, signal.SIGTERM), (STUBBORN, signal.SIGKILL)])
def test_it_is_asked_to_end_and_then_killed(code: str, number: int, capsys: pytest.CaptureFixture[str]) -> None:
    made = child(code)
    while "up" not in capsys.readouterr().err:
        assert made.runs(0.01)
    made.end(0.5)
    assert made.told_to_end
    assert closed(made)[0] == f"ended by signal {number}"


def test_what_it_has_started_ends_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    made = child(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {OBEDIENT!r}])")
    while "up" not in capsys.readouterr().err:
        assert made.runs(0.01)
    made.end(5)
    made.close()
    assert not made._listening.is_alive(), "the grandchild holds the pipe"


def test_one_that_runs_still_when_it_is_given_up_is_killed() -> None:
    made = child(STUBBORN)
    assert made.runs(0.3)
    assert made.close()[0].startswith("ended by signal")
    assert not made.runs(0)


def test_the_pipe_of_one_is_not_held_open_by_another() -> None:
    first = child(WAITING)
    second = child(OBEDIENT)
    holder = [sys.executable, "-c", "import time; time.sleep(60)"]
    third = Child(lambda _: holder)
    os.close(first._held)
    assert not first.runs(LONG_S)
    for made in (second, third):
        made.end(5)
        made.close()


def test_a_program_that_is_not_there_is_an_error_of_the_system() -> None:
    nowhere: Sequence[str] = ["/nowhere/at/all"]
    with pytest.raises(FileNotFoundError):
        Child(lambda _: nowhere)


def test_what_it_has_started_does_not_outlive_it_however_it_ends(capsys: pytest.CaptureFixture[str]) -> None:
    made = child(
        "import os, subprocess, sys; p = subprocess.Popen(['sleep', '600']); print(p.pid, flush=True); os.kill(os.getpid(), 11)"
    )
    how, said = closed(made)
    assert how == "ended by signal 11"
    left = int(said.split()[0])
    for _ in range(100):
        state = Path(f"/proc/{left}/status")
        if not state.exists() or "State:\tZ" in state.read_text():
            return
        time.sleep(0.02)
    raise AssertionError(f"{left} is still there")
