"""Makes the environments of the other servers, one virtualenv each, from the pinned lines below."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

MODEL = ("scikit-learn==1.9.1", "xgboost-cpu==3.2.0", "numpy==2.4.6", "pandas==3.1.1", "joblib==1.6.0")
NEEDS = {
    "handwritten": (
        *MODEL,
        "fastapi==0.165.0",
        "uvicorn[standard]==0.54.0",
        "sqlalchemy==2.1.9",
        "psycopg[binary]==3.3.9",
    ),
    "celery": (
        *MODEL,
        "celery==5.7.0",
        "redis==8.1.0",
        "packaging==26.4",
        "fastapi==0.165.0",
        "uvicorn[standard]==0.54.0",
    ),
    "mosec": (*MODEL, "mosec==0.9.8"),
    "bentoml": (*MODEL, "bentoml==1.4.39"),
}


def place() -> Path:
    """Where everything of the measurements is kept: $ASSAY_BENCH, or a folder in the user's cache."""
    return Path(os.environ.get("ASSAY_BENCH") or Path.home() / ".cache" / "assay-bench").absolute()


def environment(name: str) -> Path:
    """The folder with the programs of this environment, made or made anew where its lines have changed."""
    folder = place() / name
    mark = folder / ".lines"
    digest = hashlib.sha256("\n".join((sys.version, *NEEDS[name])).encode()).hexdigest()
    if not mark.exists() or mark.read_text() != digest:
        print(f"Installing {name} into {folder} ...", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input"]
        subprocess.run([*pip, "install", "--quiet", "--quiet", *NEEDS[name]], check=True)
        mark.write_text(digest)
    return folder / "bin"


def main() -> int:
    """Makes the named environments, or all."""
    for name in sys.argv[1:] or NEEDS:
        if name not in NEEDS:
            print(f"There is no environment {name!r}; there are {', '.join(NEEDS)}.", file=sys.stderr)
            return 2
        print(environment(name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
