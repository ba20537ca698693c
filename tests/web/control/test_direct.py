"""What is answered without the framework is what the framework would have answered, and it is asked in every doubt."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from urllib.parse import quote

import pytest
from fastapi import APIRouter, Depends, FastAPI, Header, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import AfterValidator
from starlette.exceptions import HTTPException

from assay.errors import AssayError, ModelNotFound
from assay.web.control.direct import Direct
from assay.web.requests import Captured

router = APIRouter()
Least = Annotated[float | None, Query(ge=0, le=1)]


@router.get("/users/{handle}")
async def user(
    handle: Annotated[str, Path(min_length=2)], top_k: Annotated[int, Query(ge=1)] = 15, least: Least = None,
    exact: bool = False, alias: Annotated[str | None, Query(alias="as")] = None,
) -> JSONResponse:  # fmt: skip
    """Parameters of every kind that is taken."""
    return JSONResponse([handle, top_k, least, exact, alias], 201, {"x-told": "so"})


@router.get("/users/{handle}/numbered/{number:int}")
async def numbered(request: Request, handle: str, number: Annotated[int, Path(le=9)]) -> Response:
    """The whole request, too."""
    told = [handle, number, request.path_params["number"], request.query_params.get("of"), request.app.title]
    return JSONResponse(told)


@router.get("/{anything}/last")
async def last(anything: str, needed: int) -> Response:
    """Anywhere, and one that must be told."""
    return Response(f"{anything} {needed}", media_type="text/plain")


@router.get("/refuses/{how}")
async def refuses(how: str) -> Response:
    """Refuses in each way."""
    if how == "own":
        raise HTTPException(418, "No coffee.", {"x-pot": "tea"})
    if how == "ours":
        raise ModelNotFound("teapot")
    raise RuntimeError("out of order")


@router.get("/framed/value")
async def value(top_k: int = 3) -> list[int]:
    """Leaves the response to the framework."""
    return [top_k]


@router.get("/framed/many")
async def many(some: Annotated[list[int], Query()] = [1]) -> Response:  # noqa: B006 - as FastAPI has it
    """A parameter that may be told many times."""
    return JSONResponse(some)


@router.get("/framed/header")
async def header(told: Annotated[str, Header()] = "none") -> Response:
    """One that is no part of the address."""
    return JSONResponse(told)


@router.get("/framed/depends")
async def depends(told: Annotated[str, Depends(lambda: "by another")]) -> Response:
    """One that another function gives."""
    return JSONResponse(told)


@router.get("/framed/plain")
def plain() -> Response:
    """One that is called in a thread."""
    return JSONResponse("threaded")


@router.post("/framed/body")
async def body(told: dict[str, int]) -> Response:
    """One with a body."""
    return JSONResponse(told)


def somebody(name: str) -> str:
    """Refuses one of them in its own way."""
    if name == "nobody":
        raise HTTPException(404, "Nobody of that name.")
    return name


@router.get("/named/{name}")
async def named(name: Annotated[str, AfterValidator(somebody)]) -> Response:
    """A parameter whose validator refuses."""
    return JSONResponse(name)


@router.get("/framed/factory")
async def factory(one: Annotated[str, Query(default_factory=lambda: "made")]) -> Response:
    """A default that is made for each request."""
    return JSONResponse(one)


@router.get("/framed/default")
async def default(one: Annotated[int, Query(ge=1, validate_default=True)] = 0) -> Response:
    """A default that is looked at."""
    return JSONResponse(one)


@router.get("/{anything}")
async def single(anything: str) -> Response:
    """Whatever stands alone."""
    return JSONResponse(anything)


@router.get("/lies/at/last")
async def lies() -> Response:
    """Says one thing and does another."""
    return {"not": "a response"}  # type: ignore[return-value]  # that is what is tried


async def refused(_request: Request, error: Exception) -> Response:
    """A refusal in the words of whoever refuses."""
    return JSONResponse([type(error).__name__, str(error)], 400)


class Counting(FastAPI):
    """Counts what it was asked."""

    asked = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One more."""
        Counting.asked += 1
        await super().__call__(scope, receive, send)


@pytest.fixture
def api() -> FastAPI:
    made = Counting(title="tried", openapi_url=None)
    for kind in (AssayError, HTTPException):
        made.add_exception_handler(kind, refused)
    made.include_router(router)
    Counting.asked = 0
    return made


def direct(api: FastAPI) -> Direct:
    return Direct(api, refused, (AssayError, HTTPException))


def ask(application: Any, address: str, method: str = "GET", sent: bytes = b"") -> tuple[int, Any, bytes]:
    """Status, headers and body."""
    path, _, query = address.partition("?")
    scope = {
        "type": "http", "method": method, "path": path, "raw_path": quote(path).encode(), "query_string": query.encode(),
        "headers": [(b"content-type", b"application/json")], "root_path": "", "http_version": "1.1", "scheme": "http",
        "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 9), "extensions": {}, "state": {},
    }  # fmt: skip
    captured = Captured(sent)
    asyncio.run(application(scope, captured.receive, captured.send))
    return captured.status, sorted(captured.headers), b"".join(captured.body)


TAKEN = [
    "/users/me", "/users/me?top_k=3&least=0.5&exact=yes&as=you", "/users/me?least=1", "/users/me?nobody=knows&exact=0",
    "/users/me?as=", "/users/me?as=a%20b+c%E2%82%AC", "/users/me/numbered/7?of=ten", "/any/last?needed=5",
    "/refuses/own", "/refuses/ours", "/named/somebody", "/alone",
]  # fmt: skip
LEFT = [
    "/users/m", "/users/me?top_k=0", "/users/me?top_k=x", "/users/me?least=2", "/users/me?top_k=2&top_k=3", "/users/me?top_k=",
    "/users/me/numbered/10", "/users/me/numbered/x", "/any/last", "/any/last?needed=x", "/framed/value?top_k=7", "/framed/many?some=1&some=2",
    "/framed/header", "/framed/depends", "/framed/plain", "/no/where/at/all", "/", "//", "/users/", "/users/me/",
    "/named/nobody", "/framed/factory", "/framed/default", "/framed/plain\n", "/alone\n", "*", "", "alone", "host:443",
]  # fmt: skip


@pytest.mark.parametrize("address", TAKEN)
def test_what_is_beyond_doubt_is_answered_alike_and_without_the_framework(api: FastAPI, address: str) -> None:
    right = ask(api, address)
    Counting.asked = 0
    assert ask(direct(api), address) == right
    assert Counting.asked == 0


@pytest.mark.parametrize("address", LEFT)
def test_all_else_is_answered_by_the_framework(api: FastAPI, address: str) -> None:
    right = ask(api, address)
    Counting.asked = 0
    assert ask(direct(api), address) == right
    assert Counting.asked == 1


@pytest.mark.parametrize("method", ["POST", "DELETE", "OPTIONS"])
def test_another_method_is_for_the_framework(api: FastAPI, method: str) -> None:
    assert ask(direct(api), "/users/me", method) == ask(api, "/users/me", method)
    assert Counting.asked == 2


def test_a_body_is_for_the_framework(api: FastAPI) -> None:
    assert ask(direct(api), "/framed/body", "POST", b'{"a": 1}')[::2] == (200, b'{"a":1}')
    assert Counting.asked == 1


def test_a_failure_is_for_whoever_is_before_us(api: FastAPI) -> None:
    with pytest.raises(RuntimeError, match="out of order"):
        ask(direct(api), "/refuses/otherwise")
    with pytest.raises(TypeError, match="lies says that it returns a response"):
        ask(direct(api), "/lies/at/last")


def test_where_something_may_stand_before_the_routes_nothing_is_taken(api: FastAPI) -> None:
    @api.middleware("http")
    async def changed(request: Request, following: Any) -> Any:
        answer = await following(request)
        answer.headers["x-changed"] = "yes"
        return answer

    assert (b"x-changed", b"yes") in ask(direct(api), "/users/me")[1]
    assert Counting.asked == 1


def test_an_address_that_may_be_a_mounted_application_is_left_to_it() -> None:
    api = Counting(title="tried", openapi_url=None)
    api.mount("/users", FastAPI())
    api.include_router(router)
    assert ask(direct(api), "/users/me")[0] == 404


def test_a_router_that_depends_on_something_is_asked_with_it() -> None:
    def nobody() -> None:
        raise HTTPException(403)

    api = Counting(title="tried", openapi_url=None)
    api.include_router(router, prefix="/closed", dependencies=[Depends(nobody)])
    api.include_router(router, prefix="/open")
    assert ask(direct(api), "/closed/users/me")[0] == 403
    Counting.asked = 0
    assert ask(direct(api), "/open/users/me")[0] == 201
    assert Counting.asked == 0
