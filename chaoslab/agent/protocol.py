"""The agent's protocol: JSON lines, one object each. An answer has the id of its request.

{"id": 7, "do": "guard", "port": 41001}   →   {"id": 7, "ok": {}}
                                          or  {"id": 7, "error": "what, and the fix"}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

Json = Mapping[str, object]


class BadRequest(Exception):
    """A request that cannot be read. `id` is the id of the request; None if it has none."""

    def __init__(self, why: str, id: object = None) -> None:
        super().__init__(why)
        self.id = id


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request: its id, what to do (`do`), and its fields (`given`)."""

    id: object
    do: str
    given: Json

    def text(self, name: str) -> str:
        """The value of a field, which must be a string that is not empty. Raises BadRequest."""
        value = self.given.get(name)
        if not isinstance(value, str) or not value:
            raise self.bad(name, "a string")
        return value

    def data(self, name: str) -> bytes:
        """The bytes of a field of hexadecimal digits; an empty string is no bytes.

        Raises BadRequest.
        """
        value = self.given.get(name)
        try:
            return bytes.fromhex(value if isinstance(value, str) else "-")
        except ValueError:
            raise self.bad(name, "bytes in hexadecimal digits") from None

    def port(self, name: str = "port") -> int:
        """The value of a field, which must be a whole number from 1 to 65535. Raises BadRequest."""
        value = self.given.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65535:
            raise self.bad(name, "a port, 1 to 65535")
        return value

    def ports(self, name: str) -> list[int]:
        """The value of a field, which must be a list of ports. Raises BadRequest."""
        value = self.given.get(name)
        if not isinstance(value, list) or not all(type(v) is int and 0 < v <= 65535 for v in value):
            raise self.bad(name, "a list of ports, 1 to 65535")
        return value

    def seconds(self, name: str, default_s: float | None = None) -> float:
        """The value of a field, a positive number of seconds; `default_s` if it is absent.

        Raises BadRequest.
        """
        value = self.given.get(name, default_s)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e6:
            raise self.bad(name, "a number of seconds, more than 0")
        return float(value)

    def flag(self, name: str) -> bool:
        """The value of a field, which must be true or false. Raises BadRequest."""
        value = self.given.get(name)
        if not isinstance(value, bool):
            raise self.bad(name, "true or false")
        return value

    def bad(self, name: str, expected: str) -> BadRequest:
        """The BadRequest for the field `name`, whose value is not what is `expected`."""
        got = json.dumps(self.given[name]) if name in self.given else "nothing"
        return BadRequest(f"{self.do}: {name}: expected {expected}; got {got}", self.id)


def read(line: bytes) -> Request:
    """Parse one line into a Request. Raises BadRequest."""
    try:
        given = json.loads(line)
    except ValueError as error:
        raise BadRequest(f"expected a line of JSON: {error}") from None
    if not isinstance(given, dict):
        raise BadRequest(f"expected an object with id and do; got {line[:80]!r}")
    if not isinstance(given.get("do"), str):
        raise BadRequest('expected "do": what to do, a string', given.get("id"))
    return Request(id=given.get("id"), do=given["do"], given=given)


def line(message: Json) -> bytes:
    """A message as one line of JSON, as bytes."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"
