"""P11: no file can make the server run code: not a pickle under any disguise, not a file that declares itself trusted."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from assay.app import Assay
from assay.domain.version import FileEntry, Version
from assay.errors import ArtifactRejected, AssayError, DataInvalid, VersionRejected
from assay.sources.files import read_rows
from tests.promises.conftest import SQLITE, Tally
from tests.promises.servers import JSON, assay_of, serving

FILES_ONLY = SQLITE  # what is planted is a file, and files are in the home folder whatever the database is
REFUSED = (ArtifactRejected, VersionRejected, DataInvalid)


def pickled(canary: Path) -> bytes:
    """A pickle, written by hand, that touches the canary when it is read."""
    word = f"touch {canary}".encode()
    return b"\x80\x02cposix\nsystem\nX" + struct.pack("<I", len(word)) + word + b"\x85R."


def zipped(**parts: bytes) -> bytes:
    """An archive of these parts."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, data in parts.items():
            packed.writestr(name.replace("__", "."), data)
    return out.getvalue()


def npy(canary: Path) -> bytes:
    """An array of objects, as numpy would pickle it."""
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
    padded = header + b" " * (63 - (10 + len(header)) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(padded)) + padded + pickled(canary)


def calling(canary: Path, module: str = "posix", name: str = "system", loader: str = "ReduceNode") -> bytes:
    """A skops file that would have a function called on the canary's path."""
    text = {
        "__class__": "str",
        "__module__": "builtins",
        "__loader__": "JsonNode",
        "content": json.dumps(f"touch {canary}"),
        "is_json": True,
        "__id__": 3,
    }
    many = {"__class__": "tuple", "__module__": "builtins", "__loader__": "TupleNode", "content": [text], "__id__": 2}
    schema = {
        "__class__": name, "__module__": module, "__loader__": loader, "__id__": 1, "__reduce__": {"args": many}, "content": many,
        "protocol": 2, "_skops_version": "0.16.0",
    }  # fmt: skip
    return zipped(schema__json=json.dumps(schema).encode())


def disguises(canary: Path) -> dict[str, bytes]:
    """The payload in every wrapping that some loader or other would open."""
    payload = pickled(canary)
    return {
        "plain": payload, "protocol 0": f"cposix\nsystem\n(S'touch {canary}'\ntR.".encode(), "gzip": gzip.compress(payload),
        "zlib, as joblib": zlib.compress(payload), "bz2": bz2.compress(payload), "xz": lzma.compress(payload),
        "base64": base64.b64encode(payload), "npy of objects": npy(canary), "npz": zipped(arr_0__npy=npy(canary)),
        "torch": zipped(**{"archive/data__pkl": payload, "archive/version": b"3"}), "zip with schema": zipped(schema__json=payload),
        "skops with a reduce": calling(canary), "skops with a function": calling(canary, loader="FunctionNode"),
        "skops with an object": calling(canary, loader="ObjectNode"), "skops with a type": calling(canary, loader="TypeNode"),
        "skops with builtins": calling(canary, "builtins", "eval"), "skops with subprocess": calling(canary, "subprocess", "getoutput"),
        "onnx, then pickle": b"\x08\x08" + payload, "numpy, then pickle": b"\x93NUMPY" + payload, "xgboost": b"binf" + payload,
        "keras": zipped(config__json=b'{"class_name":"Lambda"}', model__weights=payload),
    }  # fmt: skip


NAMES = sorted(disguises(Path("/x")))


@pytest.fixture
def assay(home: Path) -> Iterator[Assay]:
    """The application with a home of its own."""
    opened = assay_of(home)
    yield opened
    opened.close()


def planted(assay: Assay, part: str, data: bytes, **told: Any) -> Version:
    """A version whose file is this data, under its right hash, as somebody would plant it who can write to the home."""
    version = assay.versions.find("notes", 1)
    manifest = assay.loader.manifest(version)
    kept = FileEntry(sha256=assay.artifacts.put(data), size=len(data), format="skops")
    changed = msgspec.structs.replace(manifest, files=manifest.files | {part: kept}, **told)
    return msgspec.structs.replace(version, manifest=assay.artifacts.put(msgspec.json.encode(changed)))


@FILES_ONLY
@pytest.mark.timeout(120)
@pytest.mark.parametrize("part", ["pipeline", "graph", "rows"])
def test_no_disguise_of_a_pickle_is_ever_run(
    part: str, assay: Assay, tmp_path: Path, tier: str, tally: Callable[[str], Tally]
) -> None:
    count, canary = tally("P11"), tmp_path / "canary"
    engine = "native" if part == "pipeline" else "onnx"
    for place, (name, data) in enumerate(sorted(disguises(canary).items())):
        version = planted(assay, part, data, engine=engine)
        # a child process for each would take long: in the default tier every third goes through the verifier too
        asks = [assay.loader.load] + ([assay.loader.verify] if tier == "nightly" or place % 3 == 0 else [])
        for ask in asks:
            with pytest.raises(REFUSED):
                ask(version)
            count.count(canary.exists())
        assert not canary.exists(), name


@FILES_ONLY
@pytest.mark.timeout(120)
def test_a_manifest_cannot_declare_its_own_pipeline_trusted(
    assay: Assay, tmp_path: Path, tally: Callable[[str], Tally]
) -> None:
    """Whoever can write a file must not thereby say which types may be made from files."""
    canary, count = tmp_path / "canary", tally("P11")
    for trusted in (("posix.system",), ("os.system", "posix.system", "nt.system"), ("builtins.eval",)):
        module, name = trusted[-1].rsplit(".", 1) if trusted[-1] != "nt.system" else ("posix", "system")
        for loader in ("ReduceNode", "FunctionNode", "ObjectNode", "MethodNode", "OperatorFuncNode"):
            version = planted(
                assay, "pipeline", calling(canary, module, name, loader), engine="native", trusted=trusted
            )
            with pytest.raises(AssayError):
                assay.loader.verify(version)
            count.count(canary.exists())
            assert not canary.exists(), (trusted, loader)


def test_the_canary_sings_where_the_pickle_is_read(tmp_path: Path) -> None:
    """The payload works: a program that does unpickle it is caught."""
    canary, file = tmp_path / "canary", tmp_path / "file"
    file.write_bytes(pickled(canary))
    module = "pick" + "le"
    subprocess.run(
        [sys.executable, "-c", f"import {module}, sys; {module}.load(open(sys.argv[1], 'rb'))", str(file)], check=True
    )
    assert canary.exists()
    canary.unlink()
    array = tmp_path / "array.npy"
    array.write_bytes(npy(canary))
    with pytest.raises(ValueError, match="allow_pickle"):
        np.load(array, allow_pickle=False)
    assert not canary.exists()


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".jsonl", ".ndjson", ".pkl", ".joblib", ".npy"])
def test_no_disguise_is_run_as_training_data(ending: str, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    for name, data in disguises(canary).items():
        file = tmp_path / f"data{ending}"
        file.write_bytes(data)
        with suppress(DataInvalid):  # whatever can be read as text is only text
            read_rows(file)
        assert not canary.exists(), name


@pytest.mark.timeout(120)
def test_no_disguise_is_run_as_a_request(home: Path, tmp_path: Path, tally: Callable[[str], Tally]) -> None:
    canary, count = tmp_path / "canary", tally("P11")
    with serving(home) as server:
        for data in disguises(canary).values():
            for headers in (
                JSON,
                {"Content-Type": "application/octet-stream"},
                {"Content-Type": "application/python-pickle"},
            ):
                for path in ("/v1/models/notes/predict", "/price", "/v1/models/notes/explain"):
                    assert 400 <= server.ask(path, data, headers=headers).status < 500
        count.count(canary.exists(), len(NAMES))
        assert not canary.exists()
        assert server.alive()
