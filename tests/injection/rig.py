"""What the tests of the faults stand on: a client of their own, and readings of a history."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from chaoslab.clock import now_s
from chaoslab.faults import KINDS
from chaoslab.history.events import (
    AnyEvent,
    FaultHealed,
    FaultHealing,
    FaultInForce,
    FaultMissed,
    FaultRequested,
)
from chaoslab.history.journal import History, Journal
from chaoslab.injection.ground import Ground
from chaoslab.model.topology import App, Connector, Service, Topology

PATIENCE_S = 5.0
SILENT_S = 0.25

TOPOLOGY = Topology(
    name="faults",
    services={
        "redis": Service(name="redis", kind="redis"),
        "postgres": Service(name="postgres", kind="postgres"),
    },
    apps={"app": App(name="app", command=("true",), links=("redis", "postgres"))},
    connectors={"vpc": Connector(name="vpc", links=("app.redis", "app.postgres"))},
)


class Conversation:
    """One open connection to a Redis, by hand: what an app's pooled connection would meet."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def meets(self, question: str = "PING", *, within_s: float = SILENT_S) -> str:
        """Ask, and say in one word what came of it, or the answer's line."""
        try:
            self._writer.write(f"{question}\r\n".encode())
            return await self.hears(within_s=within_s)
        except OSError:
            return "reset"

    async def hears(self, *, within_s: float = PATIENCE_S) -> str:
        """The next line, or in one word what came in its place."""
        try:
            async with asyncio.timeout(within_s):
                line = await self._reader.readline()
        except TimeoutError:
            return "silent"
        except OSError:
            return "reset"
        return line.decode().strip() if line.endswith(b"\n") else "closed"

    async def size_of(self, key: str) -> int:
        """The length of a value, all of it read."""
        self._writer.write(f"GET {key}\r\n".encode())
        size = int((await self._reader.readline())[1:])
        return len(await self._reader.readexactly(size + 2)) - 2

    def close(self) -> None:
        """At once, whatever is under way."""
        self._writer.transport.abort()


async def dial(port: int) -> Conversation:
    """A connection that is open."""
    return Conversation(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 20))


async def new_client_meets(port: int, *, within_s: float = SILENT_S) -> str:
    """What a client meets that connects only now."""
    try:
        async with asyncio.timeout(within_s):
            client = await dial(port)
    except TimeoutError:
        return "dropped"
    except ConnectionRefusedError:
        return "refused"
    except OSError:
        return "reset"
    try:
        return await client.meets(within_s=within_s)
    finally:
        client.close()


def patience(expected: str) -> float:
    """How long to wait for what is expected: silence is soon believed, all else may come late."""
    return SILENT_S if expected in ("silent", "dropped") else PATIENCE_S


async def comes_to(port: int, expected: str) -> None:
    """A new client meets it within the patience; a connect begun in an outage may take a retry."""
    end_s = now_s() + PATIENCE_S
    while (met := await new_client_meets(port, within_s=1.5)) != expected:
        assert now_s() < end_s, f"expected {expected}, met {met}"
        await asyncio.sleep(0.01)


@dataclass(frozen=True, slots=True)
class Written:
    """What a history tells of one fault."""

    history: History
    fault: str

    def __iter__(self) -> Iterator[AnyEvent]:
        kinds = FaultRequested | FaultInForce | FaultHealing | FaultHealed | FaultMissed
        return (e for e in self.history.events if isinstance(e, kinds) and e.fault == self.fault)

    @property
    def kinds(self) -> list[str]:
        """The kinds of its events without `fault_`, in order."""
        return [event.kind.removeprefix("fault_") for event in self]

    @property
    def why_missed(self) -> str:
        """Why it was missed; fails where it was not."""
        missed = self.history.first(FaultMissed, lambda e: e.fault == self.fault)
        assert missed is not None, self.kinds
        return str(missed.why)

    def assert_whole(self) -> None:
        """Asked for, seen in force, healing, healed: in this order, each once, times rising."""
        assert self.kinds == ["requested", "in_force", "healing", "healed"]
        times = [event.at_s for event in self]
        assert times == sorted(times)
        began = self.history.first(FaultInForce, lambda e: e.fault == self.fault)
        assert began is not None
        assert times[0] <= began.since_s <= began.at_s


@contextmanager
def fresh_journal(ground: Ground, folder: Path) -> Iterator[Ground]:
    """The same ground with an empty journal, and with no fault's claims."""
    journal = Journal(folder / "history.jsonl")
    try:
        yield replace(ground, journal=journal, connect_held_by={})
    finally:
        journal.close()


def make_canaries_patient(patch: pytest.MonkeyPatch) -> None:
    """For faults that affect nobody: a server that stalls for longer than a canary looks for
    silence would be taken for one of them in force.
    """
    for fault in KINDS:
        patch.setattr(fault, "canary_waits_s", PATIENCE_S)
