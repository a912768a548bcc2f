"""The parts that a runtime runs for the lab: servers, proxy and helpers; and their trouble."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from chaoslab.errors import ErrorCode, Problem
from chaoslab.machine.trouble import Trouble, last_lines

PART_ENDED = ErrorCode(
    "part.ended",
    "{what}",
    "A part of the lab ended during the run. No fault of the plan caused it.",
)
API_BOUND_S = 0.75  # a proxy's API answers within milliseconds, on a busy machine within tenths
_CONFIRM_S = 0.05


class Part(Protocol):
    """One part of a lab, which is checked every `look_every_s` seconds."""

    @property
    def name(self) -> str:
        """Its name for people: `postgres`, `the proxy engine`."""

    @property
    def look_every_s(self) -> float: ...

    async def trouble(self) -> Trouble | None:
        """What is wrong with it now; None if nothing is, or if the lab itself is the cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedPart:
    """A part that a function checks."""

    name: str
    look_every_s: float
    check: Callable[[], Trouble | None]

    async def trouble(self) -> Trouble | None:
        return self.check()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiPart:
    """A proxy server, checked by a request for its version.

    `tells_end` is False if another part reports the server's end, with its cause.
    """

    name: str
    host: str
    port: int
    tells_end: bool = True
    look_every_s: float = 0.25

    async def trouble(self) -> Trouble | None:
        """No answer within `API_BOUND_S`; or an end, once a second request is refused too."""
        if (first := await self._asked()) is None or not first.ended:
            return first
        if not self.tells_end:
            return None
        await asyncio.sleep(_CONFIRM_S)
        return await self._asked()

    async def _asked(self) -> Trouble | None:
        try:
            async with asyncio.timeout(API_BOUND_S):
                return None if await self._answers() else Trouble(what=_REFUSES, ended=True)
        except TimeoutError:
            return Trouble(what=f"its API gave no answer within {API_BOUND_S:g} s")
        except ConnectionError:
            return Trouble(what=_REFUSES, ended=True)

    async def _answers(self) -> bool:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            host = f"{self.host}:{self.port}"
            ask = f"GET /version HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
            writer.write(ask.encode())
            return bool(await reader.read(1))
        finally:
            writer.close()


_REFUSES = "it ended: its API refuses connections"


def ended_problem(name: str, trouble: Trouble) -> Problem:
    """The problem if a part ended during the run."""
    return Problem(
        where=name,
        reason=PART_ENDED(what=trouble.what),
        expected="it to run until the lab ends",
        fix="no fault of the plan caused this: see its last log lines",
        lines=last_lines(trouble.log),
    )
