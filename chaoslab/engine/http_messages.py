"""Requests to the API and its answers, apart from how HTTP/1.1 carries them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from chaoslab.engine.wire import Json

_PLAIN = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, its body complete. `path` is as sent, without the query.

    `reached` is the local address that the client connected to. `read` returns the parsed body
    where a large one was parsed beforehand, or raises its error.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    reached: str = ""
    read: Callable[[], Json] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer; an empty body is sent as such."""

    status: int = 200
    body: str = ""
    content_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


def plain_error(text: str, status: int) -> Answer:
    """A plain-text error exactly as Go's `http.Error` sends it."""
    return Answer(
        status=status,
        body=text + "\n",
        content_type=_PLAIN,
        headers={"X-Content-Type-Options": "nosniff"},
    )


App = Callable[[Request], Awaitable[Answer]]
