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
class AppliedFault:
    """A toxic or a connect mode that applied to a connection, and to how many bytes.

    Of these, `goodbye` bytes were only the client's last message.
    """

    name: str
    type: str
    stream: Direction
    first_s: float
    bytes: int = 0
    goodbye: int = 0


@dataclass(slots=True)
class Record:
    """One connection so far. Times in monotonic seconds, sizes in bytes.

    `flow` gives the bytes of a direction, live while the connection is open. `asked_s` is when the
    client last sent anything but a goodbye, `answered_s` when the upstream last sent anything.
    `dismissed_s` is when the upstream announced the end of the connection to a client that had not
    ended it. `ending` names the side that ended first, at `ending_s`; the connection is closed
    later if the other side stays open.
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
    met: list[AppliedFault] = field(default_factory=list)
    flow: Callable[[Direction], Flow] = lambda _: Flow()

    def heard(self, direction: Direction, data: bytes | memoryview, now_s: float) -> None:
        """Log bytes that a side has sent; empty where they were not read (splice)."""
        if direction is Direction.UPSTREAM:
            self.parted = is_goodbye(data)
            if not self.parted:
                self.asked_s = now_s
            return
        self.answered_s = now_s
        if self.ending is None and is_dismissal(data):  # a client that has left needs none
            self.dismissed_s = now_s

    def noticed_end(self, direction: Direction, how: End, now_s: float) -> None:
        """Log that a side has ended; only the first counts.

        An upstream that closes after the client's goodbye counts as closed by the client.
        """
        if self.ending is None:
            client = direction is Direction.UPSTREAM or (self.parted and how is End.EOF)
            who = "client" if client else "upstream"
            self.ending = f"{who}_{'closed' if how is End.EOF else 'reset'}"
            self.ending_s = now_s

    def close(self, end: str, now_s: float) -> None:
        """Keep the final figures and drop the reference to the live connection."""
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
        """Move a record to the closed ones; `end` is how the connection ended."""
        record.close(end, now_s)
        del self._open[record.id]
        self._closed.append(record)

    def select(self, proxy: str | None, since: int) -> Iterable[Record]:
        """Records of one proxy (None: of all) with an id above `since`, oldest first."""
        records = [*self._closed, *self._open.values()]
        chosen = (r for r in records if r.id > since and proxy in (None, r.proxy))
        return sorted(chosen, key=lambda record: record.id)
