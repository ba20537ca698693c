"""Routes between which and the door no framework has to stand: found by their address, asked with what the client says.

Only what is beyond doubt is taken: a coroutine that makes its response itself, whose parameters are single words and numbers
of the address, and which depends on nothing else. Every other route, and every request that such a route would refuse, goes
through FastAPI, which decides afresh and says why.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from pydantic import TypeAdapter

from assay.web.requests import Receive, Scope, Send

Respond = Callable[..., Awaitable[Response]]
Refuse = Callable[[Request, Exception], Awaitable[Response]]
WORDS = frozenset((str, int, float, bool, NoneType))
BESIDE = (
    "header_params", "cookie_params", "body_params", "dependencies", "websocket_param_name", "http_connection_param_name",
    "response_param_name", "background_tasks_param_name", "security_scopes_param_name",
)  # fmt: skip


class Parameter(NamedTuple):
    """One parameter: what it is called by clients and in the function, how its text is read, and what stands for none."""

    told: str
    name: str
    read: Callable[[str], Any]
    required: bool
    default: Any


class Found(NamedTuple):
    """A route in the order in which they are looked for; without `respond` it is FastAPI's."""

    pattern: Any
    convert: dict[str, Callable[[str], Any]]
    methods: frozenset[str]
    respond: Respond | None
    request: str | None  # the name of the parameter that takes the whole request
    path: Sequence[Parameter] = ()
    query: Sequence[Parameter] = ()


class Direct:
    """The ASGI application of one API: routes by the first part of their address, and FastAPI for what they do not take.

    `refuse` answers where a route raises one of `refusals`.
    """

    def __init__(self, api: FastAPI, refuse: Refuse, refusals: tuple[type[Exception], ...]) -> None:
        self._api = api
        self._refuse = refuse
        self._refusals = refusals
        found = [] if api.user_middleware else [*_found(api)]
        self._anywhere = [one for place, one in found if place is None]
        self._places: dict[str, list[Found]] = {
            named: [one for place, one in found if place in (None, named)] for named, _ in found if named is not None
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; raises what a route fails with."""
        answer = await self._response(scope, receive)
        await (self._api if answer is None else answer)(scope, receive, send)

    async def _response(self, scope: Scope, receive: Receive) -> Response | None:
        """What the route answers, refusals too; None where FastAPI has to look."""
        path, method = scope["path"], scope["method"]
        if scope.get("root_path") or not path.startswith("/") or "\n" in path:  # before which a pattern may end
            return None
        for one in self._places.get(path.split("/", 2)[1], self._anywhere):
            match = one.pattern.match(path)
            if match is not None and method in one.methods:
                return None if one.respond is None else await self._ask(one, match, scope, receive)
        return None

    async def _ask(self, one: Found, match: Any, scope: Scope, receive: Receive) -> Response | None:
        try:
            parts = {name: one.convert[name](text) for name, text in match.groupdict().items()}
            told = _read(one, parts, scope["query_string"])
        except Exception:  # noqa: BLE001 - whatever reads a parameter may refuse it, in its own way, and is asked again
            return None
        if told is None or one.respond is None:
            return None
        asked = {**scope, "app": self._api, "path_params": parts, "endpoint": one.respond}
        if one.request is not None:
            told[one.request] = Request(asked, receive)
        try:
            answer = await one.respond(**told)
        except self._refusals as refused:
            return await self._refuse(Request(asked, receive), refused)
        if not isinstance(answer, Response):
            raise TypeError(
                f"{one.respond.__qualname__} says that it returns a response, and has returned something else."
            )
        return answer


def methods_of(api: FastAPI, path: str) -> list[str]:
    """The methods that an address knows, HEAD with GET."""
    known: set[str] = set()
    for route in iter_route_contexts(api.routes):
        if isinstance(route.original_route, APIRoute) and route.path_regex.match(path):
            known |= route.methods or set()
    return sorted(known | {"HEAD"} if "GET" in known else known)


def _read(one: Found, parts: dict[str, Any], query: bytes) -> dict[str, Any] | None:
    """The arguments; None where something is missing or said twice. Raises ValueError where something cannot be read."""
    given = parse_qsl(query.decode("latin-1"), keep_blank_values=True) if query else ()
    said = dict(given)
    if len(said) != len(given):
        return None
    told = {}
    for source, parameters in ((parts, one.path), (said, one.query)):
        for told_as, name, read, required, default in parameters:
            if told_as in source:
                told[name] = read(source[told_as])
            elif required:
                return None
            else:
                told[name] = default
    return told


def _found(api: FastAPI) -> Iterator[tuple[str | None, Found]]:
    """Each route with the first part of its address, None where that may be anything; up to one that nothing is known of."""
    for route in iter_route_contexts(api.routes):
        if not isinstance(route.original_route, APIRoute):
            return
        _, _, rest = str(route.path_format).partition("/")
        place = rest.partition("/")[0]
        convert = {name: one.convert for name, one in route.param_convertors.items()}
        known = Found(route.path_regex, convert, frozenset(route.methods or ()), None, None)
        yield None if "{" in place else place, _made(route, known) or known


def _made(route: RouteContext, known: Found) -> Found | None:
    """The route as it is asked without FastAPI; None where it cannot be."""
    dependant, call = route.dependant, route.endpoint
    if (
        type(route.original_route) is not APIRoute
        or dependant.call is not call
        or not inspect.iscoroutinefunction(call)
    ):
        return None
    if any(getattr(dependant, name) for name in BESIDE) or route.max_body_size is not None or not _responds(call):
        return None
    path, query = (_parameters(one) for one in (dependant.path_params, dependant.query_params))
    if path is None or query is None:
        return None
    return known._replace(respond=call, request=dependant.request_param_name, path=path, query=query)


def _responds(call: Any) -> bool:
    """Whether the function says that it returns a response."""
    try:
        told = get_type_hints(call).get("return")
    except (NameError, TypeError):
        return False
    return isinstance(told, type) and issubclass(told, Response)


def _parameters(fields: Sequence[Any]) -> list[Parameter] | None:
    """Parameters of which each is one word or number; None where one is of another kind."""
    found = []
    for one in fields:
        info = one.field_info
        if not _word(info.annotation) or info.validation_alias not in (None, one.alias):
            return None
        if info.default_factory is not None or info.validate_default:  # made or looked at anew for each request
            return None
        plain = info.annotation is str and not info.metadata
        kind: Any = Annotated[info.annotation, info]
        default = None if info.is_required() else info.default
        read = str if plain else TypeAdapter(kind).validate_python
        found.append(Parameter(one.alias, one.name, read, info.is_required(), default))
    return found


def _word(kind: Any) -> bool:
    """Whether a value of this type is one word or number, or may be left out."""
    origin, kinds = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _word(kinds[0])
    return all(map(_word, kinds)) if origin in (Union, UnionType) else kind in WORDS
