"""The inference module: a program that is given the path of an audio file and tells, for each second, how surely a word is in it.

    python examples/recordings/inference.py --port 8010

asks the version that rules in the application's home, in this process and without the network. Its documentation is at /docs.
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections import OrderedDict
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import uvicorn
from fastapi import APIRouter, FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field
from starlette.middleware.trustedhost import TrustedHostMiddleware

from assay.app import Assay
from assay.domain.version import Version, ranked
from assay.errors import AssayError, AudioRejected, AudioTooLong, AudioUnsupported
from assay.serving.loaded import LoadedVersion
from assay.serving.predict import listen
from assay.sources.audio.sounds import Sounds

FOLDER = Path(__file__).resolve().parent
LEAST = 0.9  # the confidence above which a second is told of, unless the request says otherwise
REMEMBERED = 64  # recordings whose confidences are kept: each is asked for once a label
ASSETS = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Phrases in recordings</title>
<link rel="stylesheet" href="docs/swagger-ui.css"></head><body><div id="page"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script>SwaggerUIBundle({url: "openapi.json", dom_id: "#page", tryItOutEnabled: true, validatorUrl: null})</script>
</body></html>
"""
router = APIRouter()
pages = APIRouter(include_in_schema=False)


class Detection(BaseModel):
    """One second in which the phrase may be."""

    phrase: str
    time: int = Field(description="The second, the first being 0.")
    confidence: float = Field(ge=0, le=1)


class Unknown(LookupError):
    """There is no such phrase, or no such recording here."""


Utterance = Annotated[str, Query(description="The phrase to look for; upper and lower case differ.")]
Least = Annotated[
    float, Query(ge=0, le=1, description="Tells of seconds with more confidence than this; 0 tells of all seconds.")
]


class Detector:
    """The version that rules, and the recordings that it may be asked about. Used by any number of threads."""

    def __init__(self, assay: Assay, model: str, roots: list[Path], number: int | None = None) -> None:
        self._assay = assay
        self._model = model
        self._roots = [root.resolve() for root in roots]
        self._number = number
        self._sounds = Sounds(Path)  # which are told by their paths here
        self._lock = threading.Lock()  # the second question about a recording waits for the answer to the first
        self._loaded: LoadedVersion | None = None
        self._known: OrderedDict[tuple[Any, ...], Any] = OrderedDict()

    def detect(self, utterance: str, location: str, least: float) -> list[Detection]:
        """Every whole second with more confidence than `least`; raises Unknown or AssayError."""
        file = self.find(location)
        with self._lock:
            version = self.version()
            labels = version.contract.target.labels
            if utterance not in labels:
                raise Unknown(f"There is no utterance {utterance[:80]!r}; there are {', '.join(labels)}.")
            confidences = self._confidences(version, file)
        told = confidences[:, labels.index(utterance)]
        seconds = np.flatnonzero(told > least) if least > 0 else np.arange(len(told))
        return [Detection(phrase=utterance, time=int(at), confidence=float(told[at])) for at in seconds]

    def find(self, location: str) -> Path:
        """The file at a path that leads, all links followed, into one of the folders that may be read; raises Unknown."""
        for root in self._roots:
            try:
                file = (root / location).resolve(strict=True)
            except (
                OSError,
                ValueError,
                RuntimeError,
            ):  # there is none, it cannot be one, or it leads round in a circle
                continue
            if file.is_relative_to(root) and file.is_file():
                return file
        raise Unknown(f"There is no recording {location[:200]!r} here.")

    def version(self) -> LoadedVersion:
        """The version that answers now, loaded; raises AssayError."""
        chosen = self.chosen()
        if self._loaded is None or self._loaded.number != chosen.number:
            self._loaded = self._assay.loader.load(chosen)
        return self._loaded

    def chosen(self) -> Version:
        """The version of the number that was told; else, of those that answer in this process, the one that ruled last.

        A version that asks this very program cannot be asked by it. Raises NothingReleased or VersionNotFound.
        """
        if self._number is not None:
            return self._assay.versions.find(self._model, self._number)
        made = self._assay.versions.all(self._model)
        own = {one.number: one for one in made if one.status == "ready" and one.engine != "remote"}
        ruled = [one.version for one in self._assay.rollouts.history(self._model) if one.version in own]
        if ruled:
            return own[ruled[0]]
        best = ranked(list(own.values()), self._assay.application.model(self._model).metric)
        return best[0] if best else self._assay.version(self._model)

    def close(self) -> None:
        """Gives everything back."""
        self._sounds.close()
        self._assay.close()

    def _confidences(self, version: LoadedVersion, file: Path) -> Any:
        stat = file.stat()
        key = version.number, str(file), stat.st_mtime_ns, stat.st_size, stat.st_ino
        if key not in self._known:
            field = version.contract.fields[version.contract.audio or ""]
            self._known[key] = listen(version, [self._sounds.windows(str(file), field)])[0]
        self._known.move_to_end(key)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return self._known[key]


@router.get("/api/detect/")
def detect(
    request: Request,
    utterance: Utterance,
    audio_loc: Annotated[str | None, Query(description="The path of the audio file.")] = None,
    audio_path: Annotated[str | None, Query(description="Another name for the same.")] = None,
    min_confidence: Least = LEAST,
) -> list[Detection]:
    """The seconds of a recording in which an utterance is, each with its confidence."""
    if (audio_loc is None) == (audio_path is None):
        raise HTTPException(422, "Say audio_loc or audio_path, one of the two.")
    return _answer(request, utterance, audio_loc or audio_path or "", min_confidence)


@router.get("/api/detect/{utterance}/{audio_loc:path}")
def detect_by_path(request: Request, utterance: str, audio_loc: str, min_confidence: Least = LEAST) -> list[Detection]:
    """The same, as parts of the path. A slash of the file's own path is written %2F or as it is."""
    return _answer(request, utterance, audio_loc, min_confidence)


@pages.get("/docs")
def page() -> HTMLResponse:
    """The documentation page, without a word from elsewhere."""
    return HTMLResponse(PAGE)


@pages.get("/docs/{name}")
def asset(name: str) -> Response:
    """A file of the documentation page."""
    if name not in ASSETS:
        raise HTTPException(404)
    data = resources.files("fastapi_swagger").joinpath("resources", name).read_bytes()
    return Response(data, media_type=ASSETS[name])


def application(detector: Detector, hosts: list[str]) -> FastAPI:
    """The program as an ASGI application, for requests that name one of these hosts."""
    made = FastAPI(title="Phrases in recordings", docs_url=None, redoc_url=None)
    made.add_middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False)
    made.state.detector = detector
    made.include_router(router)
    made.include_router(pages)
    return made


def main(arguments: list[str]) -> int:
    """Answers until it is ended; the exit status."""
    said = _said(arguments)
    told = {"home": said.home} if said.home else {}
    try:
        assay = Assay.at(said.application, **told)
        model = said.model or _first(assay)
    except AssayError as wrong:
        return _fail(str(wrong))
    roots = [*said.audio_root, assay.artifacts.path("0" * 64).parents[1]]
    detector = Detector(assay, model, roots, said.version)
    try:
        number = detector.version().number
    except AssayError as wrong:
        detector.close()
        return _fail(f"{wrong}\nThe inference module answers by a version of {model!r}: assay train {said.application}")
    try:
        asgi = application(detector, [said.host, "127.0.0.1", "localhost"])
        server = uvicorn.Server(
            uvicorn.Config(asgi, host=said.host, port=said.port, log_level="warning", access_log=False)
        )
        print(f"Version {number} of {model!r} at http://{said.host}:{said.port}/docs", flush=True)
        server.run()
    finally:
        detector.close()
    return 0


def _said(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, default=8010, help="the port to listen on (8010)")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1)")
    parser.add_argument("--home", type=Path, help="the application's home (.assay in its folder)")
    parser.add_argument(
        "--audio-root", type=Path, action="append", default=[], metavar="FOLDER",
        help="a folder of recordings that may be asked about, besides those that the home keeps; may be said several times",
    )  # fmt: skip
    parser.add_argument("--model", help="the model to ask (the first that hears recordings)")
    parser.add_argument("--version", type=int, help="the version to ask (the one that rules)")
    parser.add_argument("--application", type=Path, default=FOLDER, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _first(assay: Assay) -> str:
    """The first model that hears recordings and that can answer here."""
    heard = [name for name, model in assay.application.models().items() if model.contract.audio is not None]
    if not heard:
        raise SystemExit(_fail("No model of this application hears recordings."))
    return heard[0]


def _fail(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


def _answer(request: Request, utterance: str, location: str, least: float) -> list[Detection]:
    detector: Detector = request.app.state.detector
    try:
        return detector.detect(utterance, location, least)
    except Unknown as unknown:
        raise HTTPException(404, str(unknown)) from unknown
    except (AudioRejected, AudioUnsupported, AudioTooLong) as refused:
        raise HTTPException(422, str(refused)) from refused
    except AssayError as failed:
        raise HTTPException(503, str(failed)) from failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
