"""The connection log: live records, kept within bounded memory after their end."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from chaoslab.engine.chunks import Direction, End
from chaoslab.engine.words import is_dismissal, is_goodbye

KEPT_CLOSED = 10_000


class Flow(NamedTuple):
    """One direction of one connection so far, in bytes: read, passed on, waiting inside."""

    received: int = 0
    delivered: int = 0
    held: int = 0


@dataclass(slots=True)
class Met:
    """That a connection met a toxic or a connect mode, and how many bytes it bit.

    Of these `goodbye` were nothing but the client's last message.
    """

    name: str
    type: str
    stream: Direction
    first_s: float
    bytes: int = 0
    goodbye: int = 0


@dataclass(slots=True)
class Record:
    """One connection as it went so far. Times in monotonic seconds, sizes in bytes.

    `flow` gives the bytes of a direction, live while the connection lives. `asked_s` is when the
    client last sent anything but a goodbye, `answered_s` when the upstream last sent anything, and
    `dismissed_s` when the upstream sent, to a client that was still there, that it ends the
    connection. `ending` names the side that ended first, at `ending_s`, long before the end where
    the other side holds on.
    """

    id: int
    proxy: str
    client: str
    upstream: str
    opened_s: float
    upstream_connected_s: float | None = None
    closed_s: float | None = None
    end: str | None = None
    asked_s: float | None = None
    answered_s: float | None = None
    dismissed_s: float | None = None
    ending: str | None = None
    ending_s: float | None = None
    parted: bool = False
    met: list[Met] = field(default_factory=list)
    flow: Callable[[Direction], Flow] = lambda _: Flow()

    def heard(self, direction: Direction, data: bytes | memoryview, now_s: float) -> None:
        """A side has sent these bytes; empty where nobody saw what they are."""
        if direction is Direction.UPSTREAM:
            self.parted = is_goodbye(data)
            if not self.parted:
                self.asked_s = now_s
            return
        self.answered_s = now_s
        if self.ending is None and is_dismissal(data):  # to one that has left it tells nothing
            self.dismissed_s = now_s

    def noticed_end(self, direction: Direction, how: End, now_s: float) -> None:
        """A side has ended; the first counts. A server that was sent a goodbye ends by it."""
        if self.ending is None:
            client = direction is Direction.UPSTREAM or (self.parted and how is End.EOF)
            who = "client" if client else "upstream"
            self.ending = f"{who}_{'closed' if how is End.EOF else 'reset'}"
            self.ending_s = now_s

    def close(self, end: str, now_s: float) -> None:
        """Fix the last figures and let go of the live connection."""
        final = {direction: self.flow(direction) for direction in Direction}
        self.flow = final.__getitem__
        self.end, self.closed_s = end, now_s

    def on_the_wire(self) -> dict[str, object]:
        """The shape of `GET /chaoslab/connections`."""
        up, down = self.flow(Direction.UPSTREAM), self.flow(Direction.DOWNSTREAM)
        return {
            "id": self.id,
            "proxy": self.proxy,
            "client": self.client,
            "upstream": self.upstream,
            "opened_s": self.opened_s,
            "upstream_connected_s": self.upstream_connected_s,
            "closed_s": self.closed_s,
            "asked_s": self.asked_s,
            "answered_s": self.answered_s,
            "dismissed_s": self.dismissed_s,
            "ending": self.ending,
            "ending_s": self.ending_s,
            "bytes_upstream": up.delivered,
            "bytes_downstream": down.delivered,
            "held_upstream": up.held,
            "held_downstream": down.held,
            "met": [
                {
                    "name": met.name,
                    "type": met.type,
                    "stream": met.stream.value,
                    "first_s": met.first_s,
                    "bytes": met.bytes,
                    "goodbye": met.goodbye,
                }
                for met in self.met
            ],
            "end": self.end,
        }


class ConnectionLog:
    """All open connections and the last `KEPT_CLOSED` closed ones, numbered from 1."""

    def __init__(self) -> None:
        self._last_id = 0
        self._open: dict[int, Record] = {}
        self._closed: deque[Record] = deque(maxlen=KEPT_CLOSED)

    def open(self, proxy: str, client: str, upstream: str, now_s: float) -> Record:
        """A new live record."""
        self._last_id += 1
        record = Record(self._last_id, proxy, client, upstream, now_s)
        self._open[record.id] = record
        return record

    def close(self, record: Record, end: str, now_s: float) -> None:
        """The connection is over; `end` says how."""
        record.close(end, now_s)
        del self._open[record.id]
        self._closed.append(record)

    def select(self, proxy: str | None, since: int) -> Iterable[Record]:
        """Records of one proxy (None: of all) with an id above `since`, oldest first."""
        records = [*self._closed, *self._open.values()]
        chosen = (r for r in records if r.id > since and proxy in (None, r.proxy))
        return sorted(chosen, key=lambda record: record.id)
