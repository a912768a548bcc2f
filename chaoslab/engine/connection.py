"""One proxied connection: two sockets, two streams, one record."""

from __future__ import annotations

import asyncio
import functools
import random
import socket
from collections.abc import Callable
from typing import Protocol

from chaoslab.clock import now_s
from chaoslab.engine.chunks import Direction, End
from chaoslab.engine.connection_log import AppliedFault, Flow, Record
from chaoslab.engine.dial import dial
from chaoslab.engine.peer_socket import PeerSocket, reset
from chaoslab.engine.poller import Poller
from chaoslab.engine.stage import Stage
from chaoslab.engine.stream import Stream
from chaoslab.engine.toxic_collection import Toxic
from chaoslab.engine.toxics.base import ToxicContext


class Owner(Protocol):
    """What a connection needs of its proxy."""

    poller: Poller
    loop: asyncio.AbstractEventLoop
    upstream: str

    def toxics_for(self, number: int, direction: Direction) -> list[Toxic]:
        """The toxics that apply to connection `number` in that direction."""
        ...

    def generator(self, number: int, *names: str) -> random.Random:
        """The generator of connection `number` for that path of names."""
        ...

    def lost(self, connection: Connection, end: str) -> None:
        """Forget the connection: it has ended."""
        ...


class Connection:
    """From the accepted client to the end of both directions; `number` counts per proxy from 1."""

    __slots__ = (
        "_client_sock",
        "_dialling",
        "_owner",
        "_streams",
        "loop",
        "number",
        "over",
        "record",
        "timers",
    )

    def __init__(self, owner: Owner, client: socket.socket, number: int, record: Record) -> None:
        self._owner = owner
        self.loop = owner.loop
        self.timers = owner.poller.timers
        self.number = number
        self.record = record
        self.over = False
        self._client_sock = client
        self._dialling: asyncio.Task[None] | None = None
        self._streams: tuple[Stream, Stream] | None = None

    # --- opening ---

    def open(self) -> None:
        """Dial upstream; the client waits, and bytes it sends meanwhile stay in its socket."""
        self._dialling = self.loop.create_task(self._dial())

    async def _dial(self) -> None:
        try:
            upstream = await dial(self.loop, self._owner.upstream)
        except ConnectionRefusedError:
            self.close("upstream_refused")
        except (OSError, ValueError):  # UnicodeError is one
            self.close("upstream_unreachable")
        except Exception:  # a bug in the engine: still, the client must not wait for ever
            self.close("upstream_unreachable")
            raise
        else:
            self._join(upstream)
        finally:
            self._dialling = None

    def _join(self, upstream_sock: socket.socket) -> None:
        poller = self._owner.poller
        client, upstream = PeerSocket(self._client_sock, poller), PeerSocket(upstream_sock, poller)
        self._streams = (
            Stream(self, Direction.UPSTREAM, client, upstream),
            Stream(self, Direction.DOWNSTREAM, upstream, client),
        )
        self.record.upstream_connected_s = now_s()
        self.record.flow = self._flow
        self.arrange()

    def _flow(self, direction: Direction) -> Flow:
        assert self._streams is not None
        stream = self._streams[direction is Direction.DOWNSTREAM]
        return Flow(stream.received, stream.send_queue.delivered, stream.held)

    # --- toxics ---

    def arrange(self) -> None:
        """Apply the proxy's present toxics."""
        for stream in self._streams or ():
            if not self.over:
                stream.arrange(self._owner.toxics_for(self.number, stream.direction))

    def stage(self, toxic: Toxic, direction: Direction) -> Stage:
        """A fresh stage for a toxic that applies to this connection from now on."""
        draw: Callable[[], random.Random] = functools.partial(
            self._owner.generator, self.number, toxic.name, "settings"
        )
        return Stage(toxic, direction, ToxicContext(now_s(), draw), self.record.met.append)

    def note(self, applied: AppliedFault) -> None:
        """Log that a fault applied to this connection."""
        self.record.met.append(applied)

    # --- ending ---

    def noticed_end(self, direction: Direction, how: End) -> None:
        """Log that a socket has ended; the first one names the end of the connection."""
        self.record.noticed_end(direction, how, now_s())

    def heard(self, direction: Direction, data: bytes | memoryview) -> None:
        """Log bytes that a peer has sent; empty where they were not read (splice)."""
        self.record.heard(direction, data, now_s())

    def broke(self, stream: Stream) -> None:
        """A write to a sink failed: its peer has reset; pass that on like any other end."""
        if self.over:
            return
        back = self._opposite(stream)
        if not back.source_over:
            back.source_ended(End.RESET)
        else:
            self.reset(self.record.ending or "reset")

    def _opposite(self, stream: Stream) -> Stream:
        assert self._streams is not None
        return self._streams[stream.direction is Direction.UPSTREAM]

    def ended(self, stream: Stream, how: End) -> None:
        """A stream has delivered everything up to its end mark."""
        if how is End.CUT:
            self.close("closed_by_fault")
        elif how is End.RESET:
            self.reset(self.record.ending or "reset")
        else:
            self._half_close(stream)

    def _half_close(self, stream: Stream) -> None:
        other = self._opposite(stream)
        if not stream.finished:
            stream.finished = True
            stream.sink.finish()
        if other.finished:
            self.close(self.record.ending or "closed")

    def close(self, end: str) -> None:
        """Close both sides in order."""
        self._end(end, PeerSocket.close, socket.socket.close)

    def reset(self, end: str) -> None:
        """Reset both sides."""
        self._end(end, PeerSocket.reset, reset)

    def _end(
        self, end: str, part: Callable[[PeerSocket], None], drop: Callable[[socket.socket], None]
    ) -> None:
        if self.over:
            return
        self.over = True
        if self._dialling is not None and self._dialling is not asyncio.current_task():
            self._dialling.cancel()
        self._owner.lost(self, end)
        if self._streams is None:
            drop(self._client_sock)
            return
        for stream in self._streams:
            stream.stop()
            part(stream.source)
        self._streams = None
