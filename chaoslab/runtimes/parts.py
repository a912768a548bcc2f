"""The parts of the lab that a runtime runs and the lab checks: servers, proxy and helpers."""

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
# RabbitMQ's start takes ten seconds of processor time: on a machine with other work, half a minute.
START_LIMIT_S = 60.0
API_BOUND_S = 0.75  # a proxy's API answers within milliseconds, on a busy machine within tenths
_CONFIRM_S = 0.05


class Part(Protocol):
    """One part of a lab. The lab checks it every `look_every_s` seconds."""

    @property
    def name(self) -> str:
        """The part's name for people, as in `postgres` or `the proxy engine`."""

    @property
    def look_every_s(self) -> float: ...

    async def trouble(self) -> Trouble | None:
        """What is wrong with the part now; None if nothing is, or if the lab itself is the
        cause.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedPart:
    """A part of the lab that the function `check` checks."""

    name: str
    look_every_s: float
    check: Callable[[], Trouble | None]

    async def trouble(self) -> Trouble | None:
        return self.check()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiPart:
    """A proxy server as a part of the lab, checked by a request for its version.

    With `tells_end` False, the end of the server is not reported here: another part reports it,
    with its cause.
    """

    name: str
    host: str
    port: int
    tells_end: bool = True
    look_every_s: float = 0.25

    async def trouble(self) -> Trouble | None:
        """The trouble if the API gives no answer within `API_BOUND_S`, or the server has ended.

        None if the API answers, or if the server has ended and `tells_end` is False. The server
        counts as ended only if a second request is refused too.
        """
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
    """The problem to report for a part that ended during the run, with its last log lines."""
    return Problem(
        where=name,
        reason=PART_ENDED(what=trouble.what),
        expected="it to run until the lab ends",
        fix="no fault of the plan caused this: see its last log lines",
        lines=last_lines(trouble.log),
    )
