"""A path to a server, walked from here step by step: where it leads, and where it ended."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from chaoslab.clock import now_s

Step = Literal["address", "name", "connect", "answer", "log in", "query"]
STEPS: tuple[Step, ...] = ("name", "connect", "answer", "log in", "query")
Outcome = Literal[
    "undeclared",
    "no address",
    "unknown name",
    "unresolved",
    "refused",
    "dropped",
    "unreachable",
    "silent",
    "closed",
    "other protocol",
    "TLS asked",
    "wrong credentials",
    "missing database",
    "full",
    "not ready",
    "failed",
    "answered",
]


class Ended(Exception):
    """A path ended before its query was answered."""

    def __init__(self, outcome: Outcome, words: str = "") -> None:
        super().__init__(outcome)
        self.outcome, self.words = outcome, words


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One address of a name, as the socket module has it."""

    family: int
    at: tuple[str, int]

    def __str__(self) -> str:
        return self.at[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One host to try for a link. `params` are what else the URL tells the driver."""

    link: str
    kind: str
    source: str
    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    database: str = ""
    tls: bool = False
    params: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoTarget:
    """A link whose address cannot be had, and why; `declared` is false where no rule names it."""

    link: str
    source: str
    why: str
    declared: bool = True


class Trip:
    """Which step a path is at, and how long each has taken so far."""

    def __init__(self, within_s: float) -> None:
        self.within_s = within_s
        self.at: Step = "address"
        self.took_s: dict[Step, float] = {}

    @asynccontextmanager
    async def step(self, name: Step, *, bounded: bool = True) -> AsyncIterator[None]:
        """Time a step; raises Ended where it outlasts the limit (unless it bounds itself)."""
        self.at, begun_s = name, now_s()
        try:
            async with asyncio.timeout(self.within_s if bounded else None):
                yield
        except TimeoutError:
            raise Ended("unresolved" if name == "name" else "silent") from None
        finally:
            self.took_s[name] = now_s() - begun_s


# From a connection that was made to an answered query. Raises Ended.
Walker = Callable[[Trip, Target, socket.socket, Address], Awaitable[None]]
