"""What the README, the quickstart and the how-tos tell a reader to type works, in the order in which it is told."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
import tomllib
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, files
from tests.docs.conftest import copied, environment, free_port
from tests.docs.pages import blocks, program, told_pages

pytestmark = pytest.mark.xdist_group("docs")

FROM_NOTHING = ("README.md", "quickstart.md")  # the others are for readers who have trained the diamonds application
LONGEST_S = 240
PAGES = [path for path in files() if path.suffix == ".md"]


def run(page: str, name: str, place: Path, state: Path) -> tuple[int, str]:
    """Run a page's blocks in this folder; the exit status and all that was printed."""
    port = free_port()
    told = program(page, name, port)
    script, log = state / "page.sh", state / "page.log"
    script.write_text(told, encoding="utf-8")
    with log.open("w") as out:
        process = subprocess.Popen(
            ["bash", str(script)], cwd=place, env={**environment(), "PORT": str(port), "STATE": str(state)},
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
        try:
            status = process.wait(LONGEST_S)
        except subprocess.TimeoutExpired:
            status = -1
        finally:  # a server that a block left in the background goes with its page
            _end(process.pid)
            process.wait(30)
    return status, log.read_text(encoding="utf-8", errors="replace")


@pytest.mark.parametrize("path", told_pages(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_page_says_to_type_works(path: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    assert path.exists(), f"{path.relative_to(ROOT)} is missing"
    page = path.read_text(encoding="utf-8")
    if not program(page, path.name, 8000):
        return
    for needed in ("bash", "curl"):
        if shutil.which(needed) is None:
            pytest.skip(f"needs {needed}, which is not installed")
    place = tmp_path / "assay"
    if path.name in FROM_NOTHING:
        copied(place)
    else:
        shutil.copytree(request.getfixturevalue("trained"), place)
    status, output = run(page, path.name, place, tmp_path)
    assert status == 0, f"stopped after {LONGEST_S} s\n" * (status == -1) + output[-4000:]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_page_shows_can_be_read(path: Path) -> None:
    for block in blocks(path.read_text(encoding="utf-8")):
        place = f"{path.relative_to(ROOT)}:{block.line}"
        try:
            if block.info == "json":
                json.loads(block.text)
            elif block.info == "toml":
                tomllib.loads(block.text)
            elif block.info == "python":
                compile(block.text, place, "exec")
        except ValueError as wrong:
            pytest.fail(f"{place}: {wrong}")


def test_the_readme_opens_with_the_two_commands_of_a_newcomer() -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    told = "".join(block.text for block in blocks(page) if block.info in ("bash", "console", "text"))
    assert re.search(r"^(\$ )?make demo\b", told, re.MULTILINE)
    assert re.search(r"^(\$ )?make test\b", told, re.MULTILINE)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_make_task_that_a_page_names_exists(path: Path) -> None:
    tasks = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    text = path.read_text(encoding="utf-8")
    named = re.findall(r"`(?:[A-Z_]+=\S+ )*make ([a-z]+)[^`]*`", text)
    named += re.findall(
        r"^\s*(?:\$ )?(?:[A-Z_]+=\S+ )*make ([a-z]+)", "".join(b.text for b in blocks(text)), re.MULTILINE
    )
    assert set(named) <= tasks


# ---- the runner itself

KEPT = """
Text with `code`.

```bash
cd "$(mktemp -d)"
echo one >kept
```

- in a list:

  ```python
  # shown/twice.py
  def twice(x):
      return 2 * x
  ```

```python
import sys
sys.path.insert(0, "shown")
from twice import twice
assert open("kept").read() == "one\\n" and twice(2) == 4
```

```console
$ false
```

```bash
make check && DEMO_ONCE=1 make demo
```
"""


def test_the_blocks_of_a_page_run_in_one_session(tmp_path: Path) -> None:
    assert [block.info for block in blocks(KEPT)] == ["bash", "python", "python", "console", "bash"]
    status, output = run(KEPT, "page.md", tmp_path, tmp_path)
    assert status == 0, output


@pytest.mark.parametrize(
    "block", ["```bash\nfalse\necho after\n```\n", "```bash\nfalse | cat\n```\n", "```python\nassert 1 == 2\n```\n"]
)
def test_a_page_that_is_wrong_fails(block: str, tmp_path: Path) -> None:
    status, output = run(f"{block}\n```bash\necho reached the end\n```\n", "page.md", tmp_path, tmp_path)
    assert status != 0
    assert "--- page.md:1" in output
    assert "reached the end" not in output


def test_what_a_page_leaves_running_is_stopped(tmp_path: Path) -> None:
    beats = tmp_path / "beats"
    page = "```bash\nwhile sleep 0.02; do echo >>beats; done &\nuntil [ -s beats ]; do sleep 0.02; done\n```\n"
    status, output = run(page, "page.md", tmp_path, tmp_path)
    assert status == 0, output
    counted = beats.stat().st_size
    time.sleep(0.3)
    assert beats.stat().st_size == counted


def test_a_block_that_is_never_closed_is_noticed() -> None:
    with pytest.raises(ValueError, match="line 2"):
        blocks("\n```bash\nls\n")


def _end(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return
