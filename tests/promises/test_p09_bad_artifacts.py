"""P9: a version whose files are not exactly what was registered never answers."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assay.app import Assay
from assay.domain.version import Version
from assay.errors import ArtifactRejected, AssayError, VersionRejected
from tests.promises.checker import artifact, rows
from tests.promises.conftest import SQLITE, Tally
from tests.promises.servers import STONE, assay_of, serving

MUTANTS = {"pr": 2000, "nightly": 5000}
UNCHECKED = {"pr": 16, "nightly": 200}
FILES_ONLY = SQLITE  # between a file and whoever reads it stands no database
PARTS = ("manifest", "graph", "pipeline", "rows")


def files_of(assay: Assay, version: Version) -> dict[str, Path]:
    """Where the parts of a version are kept."""
    assert version.manifest is not None
    manifest = assay.loader.manifest(version)
    named = {name: file.sha256 for name, file in manifest.files.items()} | {"manifest": version.manifest}
    return {name: artifact(assay.home, told) for name, told in named.items()}


def mutants(data: bytes, count: int, draw: random.Random) -> Iterator[tuple[str, bytes]]:
    """The data with one bit flipped, cut off, emptied, lengthened, or with a piece of it zeroed."""
    for number in range(count):
        at = draw.randrange(len(data))
        kind = ("flip", "flip", "flip", "cut", "longer", "zeroed")[number % 6] if number else "empty"
        if kind == "flip":
            made = data[:at] + bytes([data[at] ^ 1 << draw.randrange(8)]) + data[at + 1 :]
        elif kind == "zeroed":
            made = data[:at] + bytes(min(16, len(data) - at)) + data[at + 16 :]
        else:
            made = {"cut": data[:at], "longer": data + b"\0", "empty": b""}[kind]
        if made != data:
            yield f"{kind} at {at}", made


@pytest.fixture
def assay(home: Path) -> Iterator[Assay]:
    """The application with a home of its own."""
    opened = assay_of(home)
    yield opened
    opened.close()


@FILES_ONLY
@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", PARTS)
def test_no_mutant_of_a_file_is_loaded(part: str, assay: Assay, tier: str, tally: Callable[[str], Tally]) -> None:
    version = assay.versions.find("stones", 2)
    file, count = files_of(assay, version)[part], tally("P9")
    sound = file.read_bytes()
    served: list[str] = []
    for name, data in mutants(sound, MUTANTS[tier] // len(PARTS), random.Random(part)):
        if served:
            break  # one is enough to fail
        file.write_bytes(data)
        for ask in (assay.loader.verify, assay.loader.load):
            if part == "pipeline" and ask == assay.loader.load:
                continue  # a compiled version answers without its pipeline; it may not be promoted without it
            try:
                ask(version)
                served.append(name)
            except (ArtifactRejected, VersionRejected):
                count.count(0)
    count.failures += len(served)
    assert served == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize("damage", ["missing", "swapped", "symbolic link", "a folder", "2 GiB of nothing"])
def test_no_version_is_promoted_whose_file_is_no_longer_its_own(damage: str, assay: Assay, tmp_path: Path) -> None:
    version = assay.versions.find("stones", 2)
    file, other = files_of(assay, version)["graph"], files_of(assay, assay.versions.find("stones", 1))["graph"]
    sound = file.read_bytes()
    file.unlink()
    if damage == "swapped":
        shutil.copy(other, file)
    elif damage == "symbolic link":
        (tmp_path / "elsewhere").write_bytes(sound[:-1])
        file.symlink_to(tmp_path / "elsewhere")
    elif damage == "a folder":
        file.mkdir()
    elif damage == "2 GiB of nothing":
        file.touch()
        os.truncate(file, 2 << 30)
    with pytest.raises(ArtifactRejected):
        assay.releaser.promote("stones", 2, by="test")
    assert assay.ruling("stones").version == 1
    assert assay.versions.find("stones", 2).status == "broken"


@FILES_ONLY
@pytest.mark.timeout(900)
def test_without_hashes_the_throwaway_process_takes_the_blows_and_some_damage_passes(home: Path, tier: str) -> None:
    """What each layer is for: the child's death is not ours, golden answers notice what loads, only hashes notice all."""
    passed: Counter[str] = Counter()
    for unsafe in (("no-hash",), ("no-hash", "no-golden")):
        assay = assay_of(home, unsafe=frozenset(unsafe))
        version = assay.versions.find("stones", 2)
        file = files_of(assay, version)["graph"]
        sound = file.read_bytes()
        for _, data in mutants(sound, UNCHECKED[tier], random.Random(9)):
            file.write_bytes(data)
            try:
                assay.loader.verify(version)
                passed["+".join(unsafe)] += 1
            except AssayError:
                pass  # refused, or its child ended: this process is still here either way
        file.write_bytes(sound)
        assay.loader.verify(version)
        assay.close()
    assert passed["no-hash+no-golden"] > 0, "without hashes and golden answers damage passes"
    assert passed["no-hash"] <= passed["no-hash+no-golden"]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", PARTS)
def test_a_damaged_version_is_refused_by_a_running_server_and_traffic_goes_on(part: str, home: Path) -> None:
    assay = assay_of(home)
    file = files_of(assay, assay.versions.find("stones", 2))[part]
    with serving(home) as server:
        before = server.predict().json
        # on disk only, and after the start: both versions share the file of their training rows
        file.write_bytes(file.read_bytes()[:-3] + b"abc")
        with pytest.raises((ArtifactRejected, VersionRejected)):
            assay.releaser.promote("stones", 2, by="test")
        asked = server.ask("/v1/models/stones/versions/2/predict", json.dumps(STONE).encode())
        assert (asked.status, asked.code) in ((503, "artifact_rejected"), (409, "version_rejected"))
        assert str(home).encode() not in asked.body, "no path leaves"
        after = server.predict().json
        assert (after["version"], after["prediction"]) == (before["version"], before["prediction"])
        assert server.ask("/readyz").status == 200
        assert server.ask("/v1/models/stones/versions/2").json["status"] == "broken"
        assert server.alive()
    assay.close()
    assert rows(home, "SELECT count(*) AS n FROM rollouts WHERE version = 2 AND model = 'stones'") == [{"n": 0}]


@pytest.mark.timeout(300)
def test_a_server_whose_ruling_version_is_damaged_says_so_and_answers_nothing(home: Path) -> None:
    """It starts, so that an operator can look and roll back; it never guesses."""
    assay = assay_of(home)
    file = files_of(assay, assay.versions.find("stones", 1))["graph"]
    assay.close()
    file.write_bytes(file.read_bytes()[:-3] + b"abc")
    with serving(home, ready=503) as server:
        assert "stones" in server.ask("/readyz").json["missing"]
        assert server.predict().status == 503
        assert server.predict({"text": "a", "count": 1, "weight": 1.0, "urgent": True}, model="notes").status == 200
