"""Finds the handler for a method and path. Errors are answered as Toxiproxy answers them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from urllib.parse import unquote

from chaoslab.engine import request_id
from chaoslab.engine.host_check import HostCheck
from chaoslab.engine.http_messages import Answer, Request, plain_error

Handler = Callable[[Request, dict[str, str]], Awaitable[Answer]]

_PARAMETER = re.compile(r"{(\w+)}")


@dataclass(frozen=True, slots=True)
class Route:
    """A handler for a path pattern and its methods; no methods means any method."""

    methods: tuple[str, ...]
    pattern: re.Pattern[str]
    handler: Handler


def route(methods: str, pattern: str, handler: Handler) -> Route:
    """A Route for space-separated methods; in `pattern`, `{name}` stands for one path segment."""
    regex = _PARAMETER.sub(r"(?P<\1>[^/]+)", pattern)
    return Route(tuple(methods.split()), re.compile(regex + r"\Z"), handler)


class Router:
    """Calls the handler of a request. Answers 404 for an unknown path, 405 for an unknown method.

    The host check is made first, and refuses browsers with 403. Every answer of a handler gets a
    request id.
    """

    def __init__(self, routes: Iterable[Route], host_check: HostCheck) -> None:
        self._routes = tuple(routes)
        self._guard = host_check

    async def __call__(self, request: Request) -> Answer:
        """Find the handler of the request and return its answer."""
        if (refusal := self._guard.refusal(request)) is not None:
            return refusal
        known_path = False
        for candidate in self._routes:
            match = candidate.pattern.match(request.path)
            if match is None:
                continue
            known_path = True
            if candidate.methods and request.method not in candidate.methods:
                continue
            answer = await _answer(candidate, request, match)
            headers = {**answer.headers, request_id.HEADER: request_id.fresh()}
            return replace(answer, headers=headers)
        return Answer(status=405) if known_path else plain_error("404 page not found", 404)


async def _answer(found: Route, request: Request, match: re.Match[str]) -> Answer:
    if request.headers.get("user-agent", "").startswith("Mozilla/"):
        return plain_error("User agent not allowed", 403)
    names = {name: unquote(value) for name, value in match.groupdict().items()}
    return await found.handler(request, names)
