"""Agent runs and the delivery of their events: five, in order, to the user who asked alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from uuid import uuid4

EVENTS = ("agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed")
QUEUE_LIMIT = 1000

Tool = Callable[[str], Awaitable[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One step of one run."""

    type: str
    run_id: str
    user: str
    detail: str = ""


@dataclass(slots=True, kw_only=True, eq=False)
class Connection:
    """One listener of one user: a bounded queue that a socket empties.

    `overflowed` is set when the listener could not keep up; it gets no further events then.
    """

    user: str
    queue: asyncio.Queue[Event] = field(default_factory=lambda: asyncio.Queue(QUEUE_LIMIT))
    overflowed: asyncio.Event = field(default_factory=asyncio.Event)


class ConnectionManager:
    """Who listens, by user. Counts what was really handed over."""

    def __init__(self) -> None:
        self._connections: dict[str, set[Connection]] = {}
        self.delivered = 0
        self.overflowed = 0

    @contextlib.contextmanager
    def connected(self, user: str) -> Iterator[Connection]:
        """A listener for that user, for as long as the block runs."""
        connection = Connection(user=user)
        self._connections.setdefault(user, set()).add(connection)
        try:
            yield connection
        finally:
            self._forget(connection)

    def send(self, event: Event) -> int:
        """Hand the event to each of its user's listeners; returns to how many.

        Never waits: a listener that is a thousand events behind is let go, not waited for.
        """
        reached = 0
        for connection in list(self._connections.get(event.user, ())):
            try:
                connection.queue.put_nowait(event)
            except asyncio.QueueFull:
                self._forget(connection)
                connection.overflowed.set()
                self.overflowed += 1
            else:
                reached += 1
        self.delivered += reached
        return reached

    def _forget(self, connection: Connection) -> None:
        listeners = self._connections.get(connection.user, set())
        listeners.discard(connection)
        if not listeners:
            self._connections.pop(connection.user, None)

    @property
    def users(self) -> dict[str, int]:
        """Listeners per user."""
        return {user: len(listeners) for user, listeners in self._connections.items()}


class Bridge:
    """Owns delivery between the agents and whoever listens."""

    def __init__(self, manager: ConnectionManager) -> None:
        self.manager = manager

    async def emit(self, event: Event) -> int:
        """Deliver one event; returns to how many listeners."""
        return self.manager.send(event)

    async def prove_delivery(self, timeout_s: float) -> None:
        """Send one event through the whole path to a listener of our own.

        Raises RuntimeError when it does not come out as it went in.
        """
        probe = Event(type="delivery_probe", run_id=str(uuid4()), user=f"probe-{uuid4()}")
        with self.manager.connected(probe.user) as listener:
            await self.emit(probe)
            try:
                async with asyncio.timeout(timeout_s):
                    arrived = await listener.queue.get()
            except TimeoutError:
                raise RuntimeError(f"no event delivered within {timeout_s:.2g} s") from None
        if arrived != probe:
            raise RuntimeError("an event was not delivered as it was sent")


class Model:
    """What an agent thinks with. This one plans by rule: it takes the tool the prompt names."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def plan(self, prompt: str, tools: Mapping[str, Tool]) -> str:
        """The name of the tool to use: the first one named in the prompt, else the first of all."""
        words = prompt.lower().split()
        return next((name for name in tools if name in words), next(iter(tools)))


class ModelFactory:
    """Makes one isolated model per user."""

    def for_user(self, user: str) -> Model:
        """A model that shares nothing with another user's."""
        return Model(f"rule-based/{user}")


class Supervisor:
    """Runs agents: one engine per run, its events only to its own user."""

    def __init__(self, models: ModelFactory, tools: Mapping[str, Tool]) -> None:
        self._models, self._tools = models, tools

    async def run(self, bridge: Bridge, user: str, prompt: str) -> AsyncIterator[Event]:
        """One run; yields each event after it was delivered. The last one carries the result."""
        run_id = str(uuid4())
        model = self._models.for_user(user)

        async def tell(kind: str, detail: str = "") -> Event:
            event = Event(type=kind, run_id=run_id, user=user, detail=detail)
            await bridge.emit(event)
            return event

        yield await tell("agent_started")
        yield await tell("agent_thinking", model.name)
        tool = await model.plan(prompt, self._tools)
        yield await tell("tool_executing", tool)
        result = await self._tools[tool](prompt)
        yield await tell("tool_completed", result)
        yield await tell("agent_completed", result)


async def count_words(prompt: str) -> str:
    """The number of words in the prompt."""
    return str(len(prompt.split()))


TOOLS: Mapping[str, Tool] = {"count": count_words}
