"""A client for the tests of faults, and what a history has of one fault."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
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
from chaoslab.injection.context import Context
from chaoslab.model.topology import App, Connector, Service, Topology
from chaoslab.runtimes.local import LocalRuntime

SEED = 7
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
    """One open connection to a Redis, as in the pool of an app."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def meets(self, question: str = "PING", *, within_s: float = SILENT_S) -> str:
        """Ask a question. Returns the line of the answer, or `silent`, `closed` or `reset`."""
        try:
            self._writer.write(f"{question}\r\n".encode())
            return await self.hears(within_s=within_s)
        except OSError:
            return "reset"

    async def hears(self, *, within_s: float = PATIENCE_S) -> str:
        """The next line that arrives, or `silent`, `closed` or `reset`."""
        try:
            async with asyncio.timeout(within_s):
                line = await self._reader.readline()
        except TimeoutError:
            return "silent"
        except OSError:
            return "reset"
        return line.decode().strip() if line.endswith(b"\n") else "closed"

    async def size_of(self, key: str) -> int:
        """The length of a value, after reading all of it."""
        self._writer.write(f"GET {key}\r\n".encode())
        size = int((await self._reader.readline())[1:])
        return len(await self._reader.readexactly(size + 2)) - 2

    def close(self) -> None:
        """Close at once, also during a question."""
        self._writer.transport.abort()


async def dial(port: int) -> Conversation:
    """Open a connection."""
    return Conversation(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 20))


async def new_client_meets(port: int, *, within_s: float = SILENT_S) -> str:
    """What a new client observes: an answer, or `dropped`, `refused`, `silent`, ..."""
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
    """How long to wait for an outcome: short for silence, long for what may come late."""
    return SILENT_S if expected in ("silent", "dropped") else PATIENCE_S


async def comes_to(port: int, expected: str) -> None:
    """Wait until a new client observes `expected`. A connect that began under the fault may need a
    retry.
    """
    end_s = now_s() + PATIENCE_S
    while (met := await new_client_meets(port, within_s=1.5)) != expected:
        assert now_s() < end_s, f"expected {expected}, met {met}"
        await asyncio.sleep(0.01)


@dataclass(frozen=True, slots=True)
class Written:
    """The events of one fault in a history."""

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
        """Why it was missed. Fails if it was not."""
        missed = self.history.first(FaultMissed, lambda e: e.fault == self.fault)
        assert missed is not None, self.kinds
        return str(missed.why)

    def assert_complete(self) -> None:
        """Requested, in force, healing, healed: once each, in this order, with rising times."""
        assert self.kinds == ["requested", "in_force", "healing", "healed"]
        times = [event.at_s for event in self]
        assert times == sorted(times)
        began = self.history.first(FaultInForce, lambda e: e.fault == self.fault)
        assert began is not None
        assert times[0] <= began.since_s <= began.at_s


@asynccontextmanager
async def real_context(folder: Path) -> AsyncIterator[Context]:
    """The context of a lab with a real engine, a real Redis and a real Postgres."""
    async with LocalRuntime() as runtime:
        control, *services = await asyncio.gather(
            runtime.start_proxy("embedded", seed=SEED, log=folder / "proxy.log"),
            *(runtime.start_service(service) for service in TOPOLOGY.services.values()),
        )
        running = {service.service.name: service for service in services}
        addresses = {
            link.name: runtime.proxied(
                await control.create(link.name, str(running[link.service].upstream))
            )
            for link in TOPOLOGY.links
        }
        journal = Journal(folder / "history.jsonl")
        yield Context(
            topology=TOPOLOGY, runtime=runtime, control=control, services=running,
            addresses=addresses, journal=journal, seed=SEED,
        )  # fmt: skip
        journal.close()
        await control.close()


@contextmanager
def fresh_journal(context: Context, folder: Path) -> Iterator[Context]:
    """The same context with an empty journal, and no fault in force."""
    journal = Journal(folder / "history.jsonl")
    try:
        yield replace(context, journal=journal, connect_held_by={})
    finally:
        journal.close()


def make_canaries_patient(patch: pytest.MonkeyPatch) -> None:
    """Let canaries wait longer, for faults that have no effect: a canary that does not wait would
    take a stalled server for a fault in force.
    """
    for fault in KINDS:
        patch.setattr(fault, "canary_waits_s", PATIENCE_S)
