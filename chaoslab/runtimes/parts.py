"""The parts that a runtime itself runs, servers, proxy and helpers: are they well?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from chaoslab.machine.trouble import Trouble

API_BOUND_S = 0.75  # a proxy's API answers within milliseconds, on a busy machine within tenths
_CONFIRM_S = 0.05


class Part(Protocol):
    """One part of a lab, looked at every `look_every_s` seconds."""

    @property
    def name(self) -> str:
        """Who it is, for people: `postgres`, `the proxy engine`."""

    @property
    def look_every_s(self) -> float: ...

    async def trouble(self) -> Trouble | None:
        """What is wrong with it now; None where nothing is, or where the lab did it itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A part that a function looks at."""

    name: str
    look_every_s: float
    look: Callable[[], Trouble | None]

    async def trouble(self) -> Trouble | None:
        return self.look()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiPart:
    """A proxy server by its API: it is asked for its version, one question at a time.

    `tells_end` is False where something else sees its end, and by what it ended.
    """

    name: str
    host: str
    port: int
    tells_end: bool = True
    look_every_s: float = 0.25

    async def trouble(self) -> Trouble | None:
        """Silence for `API_BOUND_S`; or an end, once a second question is refused as well."""
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


def ended_text(name: str, trouble: Trouble, log: Sequence[str] = ()) -> str:
    """What people read where a part ended in mid-run."""
    lines = "\n".join(f"  | {line}" for line in (log or trouble.log)) or "  | (nothing)"
    return (
        f"{name}: {trouble.what}\n"
        f"  no fault of the plan caused this; expected it to run until the lab ends; its last log "
        f"lines:\n{lines}"
    )
