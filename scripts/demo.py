"""The demonstration: trains the diamonds application, serves it, asks one price and shows answer, reasons and like stones.

Environment: DATA (a table of stones; generated ones without), TRIALS (of the tuned recipes; their own number without),
PORT (8000), DEMO_ONCE=1 (stop after the answer), ASSAY_HOME (where everything is kept).
"""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
APP = ROOT / "examples" / "diamonds"
ASSAY = str(Path(sys.executable).with_name("assay"))
STONE = {
    "carat": 1.0, "cut": "Ideal", "color": "E", "clarity": "VVS1", "depth": 61.0, "table": 55.0, "x": 6.5, "y": 6.5, "z": 4.0,
}  # fmt: skip
LIKE = {"cut": "Ideal", "color": "E", "clarity": "VVS1", "weight": 1.0, "n_samples": 5}
READY_WITHIN_S = 60.0
BAR = 24


def server_of_the_home() -> str:
    """The process that serves the demonstration's home now; empty where none does."""
    lock = Path(os.environ.get("ASSAY_HOME") or APP / ".assay") / "serve.lock"
    if not lock.exists():
        return ""
    with lock.open("rb+") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return held.read(32).decode(errors="replace").strip() or "unknown"
    return ""


def in_the_way(port: int) -> str:
    """What keeps the demonstration from being served, in a sentence; empty where nothing does."""
    if taken(port):
        return (
            f"Port {port} of 127.0.0.1 is taken by another program. Stop that, or choose another: PORT=8001 make demo"
        )
    holder = server_of_the_home()
    if holder:
        return f"Process {holder} serves this application already, and would answer with what is trained here. Stop it first."
    return ""


def main() -> int:
    """Runs the demonstration; its exit status."""
    try:
        port = int(os.environ.get("PORT") or 8000)
    except ValueError:
        port = 0
    if not 0 < port < 1 << 16:
        return refuse(f"PORT must be a number from 1 to 65535, not {os.environ['PORT']!r}.")
    address = f"http://127.0.0.1:{port}"
    obstacle = in_the_way(port)
    if obstacle:
        return refuse(obstacle)
    if train() != 0:
        return 1
    heading(f"Serving on {address}")
    server = subprocess.Popen(
        [ASSAY, "serve", str(APP), "--port", str(port), "--drain-delay", "0"], stdout=subprocess.DEVNULL
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # whoever ends the demonstration ends its server too
    try:
        if not ready(address, server):
            return refuse("The server did not get ready; its messages stand above.")
        show(address)
        if os.environ.get("DEMO_ONCE", "") not in ("", "0"):
            return 0
        print("\nServing until Ctrl-C.", flush=True)
        return server.wait()
    except KeyboardInterrupt:
        print()
        return 0
    finally:
        stop(server)


def train() -> int:
    """Trains every recipe and prints the leaderboard."""
    data, trials = os.environ.get("DATA"), os.environ.get("TRIALS")
    heading(f"Training every recipe on {data or 'generated stones'}")
    more = (["--data", data] if data else []) + (["--trials", trials] if trials else [])
    return subprocess.run([ASSAY, "train", str(APP), *more], check=False).returncode


def show(address: str) -> None:
    """Asks for the price of one stone, its reasons and stones like it, and prints what comes."""
    heading("What is this stone worth?")
    print("  " + ", ".join(f"{name} {value}" for name, value in STONE.items()))
    priced = post(f"{address}/predict", STONE)
    print(
        f"\n  {priced['price']:,.2f} {priced['currency']}  by version {priced['version']}, recorded as {priced['prediction_id']}"
    )
    heading("Why?")
    show_reasons(post(f"{address}/v1/models/diamond-price/explain", STONE))
    heading("Stones like it that the version has learnt from")
    show_rows(post(f"{address}/samples", LIKE))
    heading("Try it")
    print(f"  documentation   {address}/docs\n  every exchange  {address}/logs\n")
    print(
        f"  curl -s {address}/predict -H 'content-type: application/json' -d {shlex.quote(json.dumps(STONE))}",
        flush=True,
    )


def show_reasons(found: dict[str, Any]) -> None:
    """From the average to this one, a bar for each part."""
    parts = sorted(found["parts"], key=lambda part: -abs(part["contribution"]))
    longest = max((abs(part["contribution"]) for part in parts), default=0) or 1
    print(f"  {'average':<10}{'':<12}{found['base']:>12,.2f}")
    for part in parts:
        bar = ("+" if part["contribution"] > 0 else "-") * round(BAR * abs(part["contribution"]) / longest)
        print(f"  {part['feature']:<10}{part['value']!s:<12}{part['contribution']:>+12,.2f}  {bar}")
    print(f"  {'this price':<10}{'':<12}{found['prediction']:>12,.2f}")


def show_rows(rows: list[dict[str, Any]]) -> None:
    """Rows as a table."""
    if not rows:
        print("  none is equal in cut, color and clarity")
        return
    cells = [[str(value) for value in row.values()] for row in rows]
    widths = [max(map(len, column)) for column in zip(rows[0], *cells, strict=True)]
    for line in (list(rows[0]), *cells):
        print("  " + "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))


def post(url: str, question: dict[str, Any]) -> Any:
    """The answer to a question, as JSON; where the server refuses, its own words end the demonstration."""
    body = json.dumps(question).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refused:
        if url.endswith("/samples") and refused.code == 404:
            return []  # no such stone among those generated
        sys.exit(f"{url} answered {refused.code}: {refused.read().decode(errors='replace')}")


def ready(address: str, server: subprocess.Popen[bytes]) -> bool:
    """Waits until the server can answer; False where it ends or takes too long."""
    until = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/readyz", timeout=2):
                return True
        except OSError:
            time.sleep(0.1)
    return False


def taken(port: int) -> bool:
    """Whether another program listens on the port."""
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def stop(server: subprocess.Popen[bytes]) -> None:
    """Ends the server once it has answered what it is answering."""
    if server.poll() is None:
        server.terminate()
    try:
        server.wait(timeout=30)
    except subprocess.TimeoutExpired:
        server.kill()


def heading(text: str) -> None:
    """A line between parts."""
    print(f"\n== {text}\n", flush=True)


def refuse(sentence: str) -> int:
    """Says what is wrong; the exit status."""
    print(f"error: {sentence}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
