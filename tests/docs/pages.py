"""The pages of the documentation: their fenced blocks, and the blocks of one page as a program that can be run."""

from __future__ import annotations

import re
import shlex
import textwrap
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.tree import ROOT

RUN = frozenset({"bash", "python"})
NAMED_FILE = re.compile(r"#\s*(?P<path>[\w./-]+\.(?:py|toml))\s*$")
HERE = re.compile(r"\b(127\.0\.0\.1|localhost):(?:8000|5005)\b")  # the usual port, and that of the interests example
FENCE = re.compile(r"^(?P<indent>[ \t]*)(?P<marks>`{3,}|~{3,})[ \t]*(?P<info>[^`]*)$")

# What stands between the words of a page and this machine. A page says what a reader types; a reader has a free port
# 8000, a second terminal and time for a hundred trials, and has done `make setup` already.
PRELUDE = r"""
set -euo pipefail
stop() {
  if [ -s "$STATE/server" ]; then kill "$(cat "$STATE/server")" 2>/dev/null || true; rm -f "$STATE/server"; fi
}
ready() {
  for _ in $(seq 300); do
    if command curl --silent --fail --output /dev/null "http://127.0.0.1:$PORT/readyz"; then return 0; fi
    sleep 0.2
  done
  echo "the server did not get ready:" >&2; tail -n 20 "$STATE/server.log" >&2; return 1
}
assay() {
  case "${1:-}:$*" in
    serve:*) stop; command assay "$@" --port "$PORT" >"$STATE/server.log" 2>&1 & echo $! >"$STATE/server"; ready ;;
    train:*--trials*) command assay "$@" ;;
    train:*) command assay "$@" --trials 2 ;;
    *) command assay "$@" ;;
  esac
}
make() {
  local word data=()
  for word in "$@"; do case "$word" in DATA=*) data=(--data "${word#DATA=}") ;; esac; done
  for word in "$@"; do
    case "$word" in
      demo)
        if [ -n "${DEMO_ONCE:-}" ]; then return 0; fi
        assay train examples/diamonds ${data[@]+"${data[@]}"}; assay serve examples/diamonds; return ;;
      test|check|setup|bench|fix|lock|clean) return 0 ;;
      train) assay train examples/diamonds ${data[@]+"${data[@]}"}; return ;;
      serve) assay serve examples/diamonds; return ;;
    esac
  done
  command make "$@"
}
curl() {
  if [ -e "$STATE/server.log" ]; then ready; fi
  command curl --silent --show-error "$@"
}
trap stop EXIT
"""


@dataclass(frozen=True)
class Block:
    """One fenced block: the line where it opens, its whole info string, and its text."""

    line: int
    info: str
    text: str

    @property
    def file(self) -> str | None:
        """The path that the block's first line names, if the block shows a file rather than a program."""
        found = NAMED_FILE.match(self.text.splitlines()[0]) if self.text.strip() else None
        return found["path"] if found else None


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, in order; raises ValueError where one is never closed."""
    found: list[Block] = []
    opening: re.Match[str] | None = None
    opened = 0
    lines: list[str] = []
    for number, line in enumerate(page.splitlines(), 1):
        fence = FENCE.match(line)
        if opening is None:
            if fence:
                opening, opened, lines = fence, number, []
        elif fence and not fence["info"].strip() and fence["marks"].startswith(opening["marks"]):
            found.append(Block(opened, opening["info"].strip(), textwrap.dedent("\n".join(lines)) + "\n"))
            opening = None
        else:
            lines.append(line)
    if opening is not None:
        raise ValueError(f"the block that opens in line {opened} is never closed")
    return found


def program(page: str, name: str, port: int) -> str:
    """One bash program that does what the page's blocks say, in their order; empty where the page has none to run."""
    steps = [HERE.sub(rf"\1:{port}", _step(block, name)) for block in blocks(page) if _runs(block)]
    return PRELUDE + "".join(steps) if steps else ""


def told_pages() -> list[Path]:
    """The pages whose blocks are run: the README, the quickstart and the how-tos."""
    pages = [ROOT / "README.md", ROOT / "docs" / "quickstart.md"]
    return pages + sorted((ROOT / "docs" / "how-to").glob("*.md"))


def reference() -> str:
    """The text of all reference pages."""
    return "\n".join(page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs" / "reference").glob("*.md")))


def _runs(block: Block) -> bool:
    return block.info in RUN or (block.info == "toml" and block.file is not None)


def _step(block: Block, name: str) -> str:
    announced = f"\necho '--- {name}:{block.line}' >&2\n"
    if block.file:
        path = shlex.quote(block.file)
        return f"{announced}mkdir -p \"$(dirname {path})\"\ncat >{path} <<'END-OF-BLOCK'\n{block.text}END-OF-BLOCK\n"
    if block.info == "python":
        return f"{announced}python - <<'END-OF-BLOCK'\n{block.text}END-OF-BLOCK\n"
    return announced + block.text
