"""A real process that speaks the REST protocol of TensorFlow Serving for one model, and misbehaves as it is told."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import urlopen

INPUTS = ("USER_HANDLE", "USER_TYPE", "CONTENT_TITLES_JOINED")


class Handler(BaseHTTPRequestHandler):
    """`POST /v1/models/interests-model:predict`; `GET /mood/NAME` changes how it answers."""

    protocol_version = "HTTP/1.1"
    ids: tuple[str, ...] = ()
    mood = "good"

    def do_GET(self) -> None:
        """Another mood."""
        type(self).mood = self.path.rpartition("/")[2]
        self.answer(200, {})

    def do_POST(self) -> None:
        """Logits of the top labels: the more often a label's word stands in the titles, the greater."""
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path != "/v1/models/interests-model:predict":
            self.answer(404, {"error": f"Malformed request: POST {self.path}"})
        elif self.mood == "failing":
            self.answer(500, {"error": "out of memory"})
        elif self.mood == "slow":
            import time

            time.sleep(3)
        elif self.mood == "odd":
            self.answer(200, {"outputs": {"probabilities": [[1.0]], "interests_ids": [["nobody"]]}})
        else:
            self.answer(200, {"outputs": outputs(asked["inputs"], self.ids)})

    def answer(self, status: int, told: Any) -> None:
        """JSON."""
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


def outputs(inputs: dict[str, Any], ids: tuple[str, ...]) -> dict[str, Any]:
    """What the model answers: per user the logits and ids of the `top_k` labels, the greatest first."""
    columns = [inputs[name] for name in INPUTS]
    assert len({len(column) for column in columns}) == 1, "inputs of different lengths"
    logits, named = [], []
    for _, kind, titles in zip(*columns, strict=True):
        scores = {one: titles.lower().count(one) * 4.0 - 2.5 + (kind == "B2B") * 0.5 for one in ids}
        top = sorted(scores, key=lambda one: -scores[one])[: inputs["top_k"]]
        named.append(top)
        logits.append([scores[one] for one in top])
    return {"probabilities": logits, "interests_ids": named}


@dataclass(frozen=True)
class ModelServer:
    """It listens on this port."""

    port: int

    @property
    def url(self) -> str:
        """Where the model is asked."""
        return f"http://127.0.0.1:{self.port}/v1/models/interests-model:predict"

    def be(self, mood: str) -> None:
        """From now on it answers so: good, failing, slow or odd."""
        with urlopen(f"http://127.0.0.1:{self.port}/mood/{mood}", timeout=10):
            pass


@contextmanager
def serving(ids: tuple[str, ...]) -> Iterator[ModelServer]:
    """The process, for the length of a block."""
    process = subprocess.Popen([sys.executable, __file__, *ids], stdout=subprocess.PIPE, cwd=Path(__file__).parent)
    try:
        assert process.stdout is not None
        yield ModelServer(int(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def main() -> None:
    """Listens on a free port, and says which."""
    Handler.ids = tuple(sys.argv[1:])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
