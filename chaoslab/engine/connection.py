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
from chaoslab.engine.connection_log import Flow, Record, SeenMessage
from chaoslab.engine.dial import dial
from chaoslab.engine.messages.base import Dialogue
from chaoslab.engine.messages.reader import Reader
from chaoslab.engine.peer_socket import PeerSocket, reset
from chaoslab.engine.poller import Poller
from chaoslab.engine.stage import Stage
from chaoslab.engine.stream import Stream
from chaoslab.engine.toxic_collection import Toxic
from chaoslab.engine.toxics.base import ToxicContext


class Owner(Protocol):
    """The attributes and methods of a proxy that its connections use."""

    poller: Poller
    loop: asyncio.AbstractEventLoop
    upstream: str

    def toxics_for(self, number: int, direction: Direction) -> list[Toxic]:
        """The toxics that apply to connection `number` in `direction`."""
        ...

    def generator(self, number: int, *names: str) -> random.Random:
        """A new random generator, seeded by (seed, proxy, names…, connection number)."""
        ...

    def new_dialogue(self) -> Dialogue | None:
        """What reads the messages of a new connection; None if they are not read."""
        ...

    def count_message(self, toxic: str) -> int:
        """How many messages the toxic has seen that it looks for, with this one."""
        ...

    def forget(self, connection: Connection, end: str) -> None:
        """Remove a connection that has ended from the proxy; `end` is how it ended."""
        ...

    def keep_dead(self, connection: Connection, sockets: dict[Direction, socket.socket]) -> None:
        """Keep the sockets of a connection that a heal has left dead, by the direction that each
        is the source of.
        """
        ...


class Connection:
    """One proxied connection: an accepted client and its upstream.

    `number` counts the clients of a proxy, from 1.
    """

    __slots__ = (
        "_client_sock",
        "_dialling",
        "_dialogue",
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
        self._dialogue = owner.new_dialogue()
        self._dialling: asyncio.Task[None] | None = None
        self._streams: tuple[Stream, Stream] | None = None

    # --- opening ---

    def open(self) -> None:
        """Begin to connect to the upstream, and return at once.

        Bytes that the client sends meanwhile stay in its socket.
        """
        self._dialling = self.loop.create_task(self._dial())

    async def _dial(self) -> None:
        try:
            upstream = await dial(self.loop, self._owner.upstream)
        except ConnectionRefusedError:
            self.close("upstream_refused")
        except (OSError, ValueError):  # ValueError: an impossible host name
            self.close("upstream_unreachable")
        except Exception:  # a bug in the engine: close the client, which waits
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
            Stream(self, Direction.UPSTREAM, client, upstream, self._reader(Direction.UPSTREAM)),
            Stream(
                self, Direction.DOWNSTREAM, upstream, client, self._reader(Direction.DOWNSTREAM)
            ),
        )
        self.record.upstream_connected_s = now_s()
        self.record.flow = self._flow
        self.apply_toxics()

    def _reader(self, direction: Direction) -> Reader | None:
        dialogue, note = self._dialogue, self.record.note_unread
        if dialogue is None:
            return None
        if direction is Direction.UPSTREAM:
            return Reader(dialogue.client, dialogue.asked, note)
        return Reader(dialogue.server, dialogue.answered, note)

    def _flow(self, direction: Direction) -> Flow:
        assert self._streams is not None
        stream = self._streams[direction is Direction.DOWNSTREAM]
        return Flow(stream.received, stream.send_queue.delivered, stream.held)

    # --- toxics ---

    def apply_toxics(self) -> None:
        """Apply the proxy's current toxics to both streams."""
        for stream in self._streams or ():
            if not self.over:
                stream.apply_toxics(self._owner.toxics_for(self.number, stream.direction))

    def stage(self, toxic: Toxic, direction: Direction) -> Stage:
        """A new stage for `toxic` on the stream of `direction`; the toxic applies from now on."""
        draw: Callable[[], random.Random] = functools.partial(
            self._owner.generator, self.number, toxic.name, "settings"
        )
        saw = functools.partial(self._saw, toxic.name, direction)
        return Stage(toxic, direction, ToxicContext(now_s(), draw, saw), self.record.applied.append)

    def _saw(self, toxic: str, direction: Direction, word: str) -> SeenMessage:
        number = self._owner.count_message(toxic)
        seen = SeenMessage(toxic, direction, word, now_s(), number)
        self.record.note_message(seen)
        return seen

    # --- ending ---

    def note_end(self, direction: Direction, how: End) -> None:
        """Record that one side has ended the connection; only the first end is kept."""
        self.record.note_end(direction, how, now_s())

    def note_bytes(self, direction: Direction, data: bytes | memoryview) -> None:
        """Record that the source of `direction` has sent bytes; `data` is empty if they were not
        read (splice).
        """
        self.record.note_bytes(direction, data, now_s())

    def sink_failed(self, stream: Stream) -> None:
        """Handle a failed write of a stream: the peer of its sink has reset the connection.

        The reset is passed on to the other side.
        """
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
        """Handle a stream that has delivered all bytes before its end mark: end the sink's side
        too, or the whole connection.
        """
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
        """Close both sides with a FIN; `end` is how the connection ended, for the log."""
        self._end(end, PeerSocket.close, socket.socket.close)

    def reset(self, end: str) -> None:
        """Reset both sides with an RST; `end` is how the connection ended, for the log."""
        self._end(end, PeerSocket.reset, reset)

    def leave_dead(self) -> None:
        """Leave both sides open, and pass nothing any more: no byte, no FIN, no RST."""
        assert self._streams is not None
        self.over = True
        self.record.leave_dead(now_s())
        for stream in self._streams:
            stream.stop()
        sockets = {stream.direction: stream.source.release() for stream in self._streams}
        self._streams = None
        self._owner.keep_dead(self, sockets)

    def _end(
        self, end: str, part: Callable[[PeerSocket], None], drop: Callable[[socket.socket], None]
    ) -> None:
        if self.over:
            return
        self.over = True
        if self._dialling is not None and self._dialling is not asyncio.current_task():
            self._dialling.cancel()
        self._owner.forget(self, end)
        if self._streams is None:
            drop(self._client_sock)
            return
        for stream in self._streams:
            stream.stop()
            part(stream.source)
        self._streams = None
