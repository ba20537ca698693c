"""Celery with Redis without a web server before it: tasks are queued and their results collected by this one program."""
# mypy: ignore-errors
# These programs run in environments of their own, with libraries that ours does not have.

import json
import sys
import time
from pathlib import Path

from celery.result import ResultSet
from queued import price

WINDOW = 500


def main() -> None:
    """FILE SECONDS: queues windows of tasks for so long, and prints what came of it as JSON."""
    asked = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines()]
    done = wrong = 0
    began = time.perf_counter()
    while (passed := time.perf_counter() - began) < float(sys.argv[2]):
        window = [asked[(done + place) % len(asked)] for place in range(WINDOW)]
        found = ResultSet([price.delay([one["body"]]) for one in window]).join(timeout=120)
        wrong += sum(abs(got[0] - one["price"]) > 0.05 for got, one in zip(found, window, strict=True))
        done += WINDOW
    passed = time.perf_counter() - began
    print(json.dumps({"done": done, "wrong": wrong, "seconds": passed, "errors": 0, "p50_ms": 0.0, "p99_ms": 0.0}))


if __name__ == "__main__":
    main()
