"""Agent runs, and the delivery of their five events, in order, to the user who started the run."""

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
    """One event of an agent run."""

    type: str
    run_id: str
    user: str
    detail: str = ""


@dataclass(slots=True, kw_only=True, eq=False)
class Connection:
    """One listener of a user: a bounded queue of events, which a WebSocket sends to its client.

    `overflowed` is set if the listener was too slow; it then gets no more events.
    """

    user: str
    queue: asyncio.Queue[Event] = field(default_factory=lambda: asyncio.Queue(QUEUE_LIMIT))
    overflowed: asyncio.Event = field(default_factory=asyncio.Event)


class ConnectionManager:
    """Keeps the listeners of each user. `delivered` counts the events put into queues, `overflowed`
    the listeners that were too slow.
    """

    def __init__(self) -> None:
        self._connections: dict[str, set[Connection]] = {}
        self.delivered = 0
        self.overflowed = 0

    @contextlib.contextmanager
    def connected(self, user: str) -> Iterator[Connection]:
        """Yield a new listener for `user`, which gets the user's events while the block runs."""
        connection = Connection(user=user)
        self._connections.setdefault(user, set()).add(connection)
        try:
            yield connection
        finally:
            self._forget(connection)

    def send(self, event: Event) -> int:
        """Put the event into the queue of each of its user's listeners; returns their number.

        Never waits: a listener whose queue is full is removed.
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
        """Maps each user with a listener to the number of listeners."""
        return {user: len(listeners) for user, listeners in self._connections.items()}


class Bridge:
    """Delivers the events of agent runs to the listeners of the manager."""

    def __init__(self, manager: ConnectionManager) -> None:
        self.manager = manager

    async def emit(self, event: Event) -> int:
        """Deliver one event; returns the number of listeners that got it."""
        return self.manager.send(event)

    async def check_delivery(self, timeout_s: float) -> None:
        """Test the delivery with one event to a listener that is made for this test.

        Raises RuntimeError if the event does not arrive unchanged within the time-out.
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
    """The model of an agent. This simple one uses the tool that the prompt names."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def plan(self, prompt: str, tools: Mapping[str, Tool]) -> str:
        """The name of the tool to use: the first one in the prompt, else the first of all tools."""
        words = prompt.lower().split()
        return next((name for name in tools if name in words), next(iter(tools)))


class ModelFactory:
    """Makes one isolated model per user."""

    def for_user(self, user: str) -> Model:
        """A model that shares no data with other users' models."""
        return Model(f"rule-based/{user}")


class Supervisor:
    """Runs agents. The events of a run are only delivered to its user."""

    def __init__(self, models: ModelFactory, tools: Mapping[str, Tool]) -> None:
        self._models, self._tools = models, tools

    async def run(self, bridge: Bridge, user: str, prompt: str) -> AsyncIterator[Event]:
        """Run an agent for `user`; yields each event after its delivery. The last event has the
        result.
        """
        run_id = str(uuid4())
        model = self._models.for_user(user)

        async def emit(kind: str, detail: str = "") -> Event:
            event = Event(type=kind, run_id=run_id, user=user, detail=detail)
            await bridge.emit(event)
            return event

        yield await emit("agent_started")
        yield await emit("agent_thinking", model.name)
        tool = await model.plan(prompt, self._tools)
        yield await emit("tool_executing", tool)
        result = await self._tools[tool](prompt)
        yield await emit("tool_completed", result)
        yield await emit("agent_completed", result)


async def count_words(prompt: str) -> str:
    """The number of words in the prompt, as text."""
    return str(len(prompt.split()))


TOOLS: Mapping[str, Tool] = {"count": count_words}
