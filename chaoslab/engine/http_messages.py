"""Requests to the API and the API's answers as objects, without the details of HTTP/1.1."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from chaoslab.engine.wire import Json

_PLAIN = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request with its complete body. `path` is as sent, without the query.

    `local_address` is the address that the client connected to. `parsed`, if set, returns the
    body's JSON or raises the error of parsing: a large body is parsed before the handler is called.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    local_address: str = ""
    parsed: Callable[[], Json] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer of the API: status, body, content type and headers."""

    status: int = 200
    body: str = ""
    content_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


def plain_error(text: str, status: int) -> Answer:
    """An answer with a plain-text error, exactly as Go's `http.Error` sends it."""
    return Answer(
        status=status,
        body=text + "\n",
        content_type=_PLAIN,
        headers={"X-Content-Type-Options": "nosniff"},
    )


App = Callable[[Request], Awaitable[Answer]]
