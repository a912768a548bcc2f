"""One proxy: its port, its upstream, its toxics, its connect mode and its connections."""

from __future__ import annotations

import asyncio
import enum
import random
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from chaoslab import seeds
from chaoslab.clock import now_s
from chaoslab.engine.address import ListenAddress, join_host_port
from chaoslab.engine.chunks import Direction
from chaoslab.engine.connection import Connection
from chaoslab.engine.connection_log import AppliedFault, ConnectionLog, Flow, Record
from chaoslab.engine.dead_connection import DeadConnection
from chaoslab.engine.listener import Address, CannotDrop, ConnectMode, Listener
from chaoslab.engine.loopbacks import BothLoopbacks
from chaoslab.engine.messages.base import Dialogue
from chaoslab.engine.poller import Poller
from chaoslab.engine.toxic_collection import Toxic, ToxicCollection
from chaoslab.engine.toxics.at_message import AtMessage
from chaoslab.engine.toxics.silence import Silence
from chaoslab.engine.triggers import Triggers
from chaoslab.engine.wire import ApiError
from chaoslab.network import MakesSockets


class Established(enum.Enum):
    """What is done with established connections when a connect mode is set: keep them open, hold
    their bytes, or reset them.
    """

    KEEP = "keep"
    HOLD = "hold"
    RESET = "reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connect:
    """A connect mode, and what happens to connections that are already established.

    `at_heal` is what happens at the end of a `hold` to the connections that it held, as for the
    toxic `silence`.
    With `inert` the API shows the mode as it was set, but clients are treated as in mode `accept`
    with `keep`.
    """

    mode: ConnectMode = ConnectMode.ACCEPT
    established: Established = Established.KEEP
    at_heal: str = "deliver"
    inert: bool = False

    def effective(self) -> Connect:
        """The connect mode that acts on clients: if `inert`, the default one, else this one."""
        return Connect() if self.inert else self


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The objects and settings that all proxies of one engine share."""

    loop: asyncio.AbstractEventLoop
    poller: Poller
    log: ConnectionLog
    seed: int
    # Why connect mode "dropped" is unsupported on this machine; None if it is supported.
    dropped_unsupported: str | None
    # Whether a proxy at 127.0.0.1 also listens at ::1; with Toxiproxy it does not.
    both_loopbacks: bool = False
    # Makes the sockets on which proxies listen.
    new_socket: MakesSockets = socket.socket


class Proxy:
    """One proxy. While enabled, it listens on its port; each accepted client becomes a connection.

    `upstream` is the address to which connections are forwarded.
    """

    def __init__(self, engine: Engine, name: str, listen: ListenAddress, upstream: str) -> None:
        self.name = name
        self.listen = listen
        self.upstream = upstream
        self.poller = engine.poller
        self.loop = engine.loop
        self.toxics = ToxicCollection()
        self.triggers = Triggers()
        self.connect = Connect()
        self.since_s: float | None = None
        # Names of toxics that are reported but have no effect, also of toxics added later.
        self.inert_toxics: frozenset[str] = frozenset()
        # The protocol whose messages are read on connections; empty if none are.
        self.messages = ""
        self._dialect: Callable[[], Dialogue] | None = None
        self._messages_seen: Counter[str] = Counter()  # by the name of the toxic
        self.opened = 0
        self._flow_of_closed = dict.fromkeys(Direction, Flow())
        self.connections: dict[int, Connection] = {}
        self.dead: dict[int, DeadConnection] = {}
        self._engine = engine
        self._listener: Listener | BothLoopbacks | None = None
        self._hold: dict[Direction, Toxic] = {}

    # --- on and off ---

    @property
    def enabled(self) -> bool:
        """Whether the proxy holds its port, in any connect mode."""
        return self._listener is not None

    def start(self) -> None:
        """Bind the port in the current connect mode; no effect if it is bound. Raises ApiError 500,
        as Toxiproxy does.
        """
        if self._listener is not None:
            return
        where = self.listen.for_binding()
        try:
            kind = BothLoopbacks if self._engine.both_loopbacks else Listener
            new_socket = self._engine.new_socket
            listener = kind(self.loop, self.poller, where, self._accepted, new_socket)
        except OSError as error:
            raise self.listen.cannot_bind(error) from None
        try:
            listener.set_mode(self.connect.effective().mode)
        except (OSError, CannotDrop) as error:
            listener.close()
            raise self.listen.cannot_bind(error) from None
        self._listener = listener
        self.listen = ListenAddress.bound(listener.address)

    def stop(self) -> None:
        """Release the port and close all connections."""
        if self._listener is None:
            return
        self._listener.close()
        self._listener = None
        for connection in list(self.connections.values()):
            connection.close("proxy_disabled")
        for dead in list(self.dead.values()):
            dead.close("proxy_disabled")

    # --- clients ---

    def _accepted(self, client: socket.socket, address: Address) -> None:
        self.opened += 1
        record = self._engine.log.open(self.name, join_host_port(*address), self.upstream, now_s())
        connection = Connection(self, client, self.opened, record)
        self.connections[self.opened] = connection
        self.triggers.accepted(self.opened)
        if not connection.over:
            connection.open()

    def forget(self, connection: Connection, end: str) -> None:
        """Remove a connection that has ended, and count its bytes. `end` says how it ended."""
        del self.connections[connection.number]
        self._engine.log.close(connection.record, end, now_s())
        self._count_flow_of(connection.record)

    def keep_dead(self, connection: Connection, sockets: dict[Direction, socket.socket]) -> None:
        """Keep the sockets of a connection that a heal has left dead, and count its bytes."""
        number, record = connection.number, connection.record
        del self.connections[number]
        self._count_flow_of(record)
        self.dead[number] = DeadConnection(self, number, record, sockets)

    def forget_dead(self, number: int, record: Record, end: str) -> None:
        """Remove a dead connection whose sockets are closed. `end` says how it ended."""
        del self.dead[number]
        self._engine.log.close(record, end, now_s())

    def _count_flow_of(self, record: Record) -> None:
        for direction, past in self._flow_of_closed.items():
            self._flow_of_closed[direction] = _sum([past, record.flow(direction)])

    def flow(self, direction: Direction) -> Flow:
        """The bytes in one direction of all connections so far, the open ones included."""
        live = [connection.record.flow(direction) for connection in self.connections.values()]
        return _sum([self._flow_of_closed[direction], *live])

    # --- messages ---

    def read_messages(self, protocol: str, dialect: Callable[[], Dialogue]) -> None:
        """Read the messages of every connection from now on, from its first byte.

        Connections that are open already are not read.
        """
        self.messages, self._dialect = protocol, dialect
        for connection in self.connections.values():
            connection.record.note_unread("it was opened before its messages were read")

    def new_dialogue(self) -> Dialogue | None:
        """What reads the messages of a new connection; None if they are not read."""
        return self._dialect() if self._dialect is not None else None

    def count_message(self, toxic: str) -> int:
        """How many messages the toxic has seen that it looks for, with this one."""
        self._messages_seen[toxic] += 1
        return self._messages_seen[toxic]

    # --- toxics ---

    def toxics_for(self, number: int, direction: Direction) -> list[Toxic]:
        """The toxics that apply to connection `number` in `direction`."""
        along = (t for t in self.toxics.in_direction(direction) if t.name not in self.inert_toxics)
        applying = [toxic for toxic in along if self._applies(toxic, number)]
        if direction in self._hold:
            applying.append(self._hold[direction])
        return applying

    def _applies(self, toxic: Toxic, number: int) -> bool:
        if toxic.toxicity >= 1.0:
            return True
        # The generator is new and has the same seed on each call: the draw never changes.
        return self.generator(number, toxic.name, "toxicity").random() < toxic.toxicity

    def generator(self, number: int, *names: str) -> random.Random:
        """A new random generator, seeded by (seed, proxy, names…, connection number)."""
        return seeds.generator(self._engine.seed, self.name, *names, number)

    def add_toxic(self, toxic: Toxic) -> None:
        """Append a toxic to those of its direction, and apply it.

        Raises ApiError 409 if its name is taken, and 400 if it needs messages that are not read.
        """
        if isinstance(toxic.settings, AtMessage) and not self.messages:
            raise ApiError("at_message: the messages of this proxy are not read", 400)
        self.toxics.add(toxic)
        self._messages_seen.pop(toxic.name, None)
        self.apply_toxics()

    def set_inert_toxics(self, names: frozenset[str]) -> None:
        """Replace the set of names of toxics that have no effect. Open connections are updated at
        once.
        """
        self.inert_toxics = names
        self.apply_toxics()

    def apply_toxics(self) -> None:
        """Apply the current toxics to every connection."""
        for connection in list(self.connections.values()):
            connection.apply_toxics()

    # --- connect modes ---

    def set_connect(self, connect: Connect) -> None:
        """Put a connect mode in force. After ApiError 501 or 500 the old mode is in force."""
        effective = connect.effective()
        if connect.mode is ConnectMode.DROPPED and self._engine.dropped_unsupported:
            raise ApiError(
                f"connect mode dropped: unsupported: {self._engine.dropped_unsupported}", 501
            )
        waiting: list[tuple[socket.socket, Address]] = []
        if self._listener is not None:
            try:
                waiting = self._listener.set_mode(effective.mode)
            except (OSError, CannotDrop) as error:
                raise ApiError(f"connect mode {connect.mode.value}: {error}", 500) from None
        self._remember(connect)
        for client, address in waiting:
            self._accepted(client, address)
        if self.connect is not connect:
            return  # accepting one of those clients fired a trigger, which set another mode
        if effective.established is Established.RESET:
            self._reset_all(connect)
        self.apply_toxics()

    def _remember(self, connect: Connect) -> None:
        if connect.mode is ConnectMode.ACCEPT:
            self.since_s = None
        elif connect.mode is not self.connect.mode:
            self.since_s = now_s()
        self.connect = connect
        hold = connect.effective().established is Established.HOLD
        self._hold = {d: _hold(connect, d) for d in Direction} if hold else {}

    def _reset_all(self, connect: Connect) -> None:
        mode = connect.mode.value
        for connection in list(self.connections.values()):
            for direction in Direction:
                held = connection.record.flow(direction).held
                connection.record.applied.append(
                    AppliedFault(f"connect:{mode}", mode, direction, now_s(), held)
                )
            connection.reset("reset_by_fault")

    @property
    def syn_drops(self) -> int | None:
        """The number of SYNs dropped at this port since mode "dropped" was set; None if unknown."""
        return self._listener.syn_drops if self._listener is not None else None

    def heal(self) -> None:
        """Remove toxics, disarm triggers that have not fired, accept clients, and start the proxy.

        This also ends the inert faults. `POST /reset` does this for every proxy.
        """
        self.triggers.disarm_unfired()
        self.toxics.clear()
        self.inert_toxics = frozenset()
        self.set_connect(Connect())
        self.start()


def _sum(flows: list[Flow]) -> Flow:
    return Flow(*map(sum, zip(*flows, strict=True)))


def _hold(connect: Connect, direction: Direction) -> Toxic:
    """A toxic that holds all bytes of `direction` until the heal, as a severed path does."""
    return Toxic(
        name=f"connect:{connect.mode.value}",
        type=connect.mode.value,
        stream=direction.value,
        direction=direction,
        toxicity=1.0,
        settings=Silence(at_heal=connect.at_heal),
    )
