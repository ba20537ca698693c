"""No request leaves this machine while a model answers: proved where there is no way out, and by what the kernel saw.

The store is a file here: a database elsewhere would be a network of its own.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from assay.app import Assay
from assay.app.items.receiving import Intake
from assay.serving.predict import confidences
from tests import heard, inference

pytestmark = pytest.mark.xdist_group("server")

# Runs where there is no network but this machine itself, which is first made to hear itself again.
PROGRAM = """
import fcntl, json, socket, struct, subprocess, sys
from pathlib import Path

with socket.socket() as one:
    fcntl.ioctl(one, 0x8914, struct.pack("16sh", b"lo", 0x49))

application, home, digest, port, *command = sys.argv[1:]
from assay.app import Assay
from assay.app.items.foreground import watched

assay = Assay.at(Path(application), home=Path(home))
told = {"predicted": assay.predict("notes", json.dumps({"audio": digest}).encode())[0].prediction}
told["native"] = assay.predict("notes", json.dumps({"audio": digest}).encode(), 2)[0].prediction
told["swept"] = watched(assay, "notes", "a test", lambda *_: None)
assay.close()
module = subprocess.Popen(command)
import time, urllib.error, urllib.request
for _ in range(300):
    try:
        asked = f"http://127.0.0.1:{port}/api/detect/low/{digest[:2]}/{digest}?min_confidence=0"
        told["module"] = json.load(urllib.request.urlopen(asked, timeout=20))
        break
    except urllib.error.URLError:
        time.sleep(0.1)
module.terminate()
module.wait()
print(json.dumps(told))
"""
OUT = "import socket; socket.create_connection(('192.0.2.1', 9), 5)"
ASKED = ("connect", "sendto", "sendmsg", "sendmmsg")
ADDRESS = re.compile(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')


@pytest.fixture(scope="module")
def alone() -> list[str]:
    """What a command is started by to have a network of its own, with nobody else in it."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("needs unshare, of util-linux")
    command = [unshare, "--net", *([] if os.getuid() == 0 else ["--map-root-user"])]
    tried = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"needs the right to make a network: {tried.stderr.strip()[-200:]}")
    return command


def elsewhere(log: Path) -> list[str]:
    """The addresses beyond this machine that anybody in a trace has spoken to, or tried to."""
    found = [one or two for one, two in ADDRESS.findall(log.read_text(errors="replace"))]
    return [one for one in found if not ipaddress.ip_address(one).is_loopback]


def traced(strace: str, log: Path) -> list[str]:
    """What a command is started by to have its requests, and its children's, written down."""
    return [strace, "-f", "-qq", "-e", "signal=none", "-e", f"trace={','.join(ASKED)}", "-o", str(log)]


def kept(assay: Assay) -> list[str]:
    """Recordings as kept items; their digests."""
    intake, digests = Intake(assay), []
    recordings: list[list[str | None]] = [["low", None], ["high", "low", "middle"], [None] * 5]
    for place, notes in enumerate(recordings):
        body = heard.tones(notes, seed=place)
        file = heard.write_wave(assay.home / "one.wav", body)
        draft = intake.begin(file.stat().st_size)
        draft.write(file.read_bytes())
        item, _ = intake.finish(draft, intake.collection("files", f"{place}.wav"), f"{place}.wav", "a test")
        digests.append(item.digest)
        file.unlink()
    return digests


def test_there_is_no_way_out_where_this_is_proved(alone: list[str]) -> None:
    ran = subprocess.run([*alone, sys.executable, "-c", OUT], capture_output=True, text=True, check=False)
    assert "unreachable" in ran.stderr


def test_a_request_that_leaves_would_be_noticed(alone: list[str], strace: str, tmp_path: Path) -> None:
    log = tmp_path / "trace"
    subprocess.run([*traced(strace, log), *alone, sys.executable, "-c", OUT], capture_output=True, check=False)
    assert elsewhere(log) == ["192.0.2.1"]


@pytest.mark.timeout(240)
def test_predictions_sweeps_and_the_inference_module_need_no_network_and_try_none(
    alone: list[str], strace: str, tmp_path: Path
) -> None:
    home, log, port = tmp_path / "home", tmp_path / "trace", inference.free_port()
    with heard.opened(home) as assay:
        digests = kept(assay)
        loaded = assay.loader.load(assay.version("notes"))
        expected = [confidences(loaded, [loaded.reader.take({"audio": one})])[0] for one in digests]
    command = inference.command(heard.application(), home, port)
    ran = subprocess.run(
        [*traced(strace, log), *alone, sys.executable, "-c", PROGRAM, str(heard.application()), str(home), digests[1], str(port), *command],
        capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-3000:]
    told: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    assert elsewhere(log) == []
    assert told["swept"]["scored"] == len(digests)
    assert told["swept"]["failed"] == 0
    low = np.array([one["confidence"] for one in told["module"]], np.float32)
    np.testing.assert_array_equal(low, expected[1][:, 0])
    assert told["predicted"]["low"] == pytest.approx(expected[1][:, 0].tolist(), abs=1e-6)
    assert len(told["native"]["low"]) == 3
    assert msgspec.json.encode(told)
