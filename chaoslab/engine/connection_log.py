"""The connection log: a live record of each connection, kept after its end in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from chaoslab.engine.chunks import Direction, End
from chaoslab.engine.last_messages import is_dismissal, is_goodbye

KEPT_CLOSED = 10_000
KEPT_MESSAGES = 1_000  # of one connection


class Flow(NamedTuple):
    """Bytes of one direction so far: received from its source, delivered, held in the engine."""

    received: int = 0
    delivered: int = 0
    held: int = 0


@dataclass(slots=True)
class AppliedFault:
    """A toxic or a connect mode that applied to a connection, and the number of affected bytes.

    `goodbye` is how many of these bytes were only a goodbye, the last message of the client.
    """

    name: str
    type: str
    stream: Direction
    first_s: float
    bytes: int = 0
    goodbye: int = 0


@dataclass(slots=True)
class SeenMessage:
    """A message of a connection that the toxic looks for, the `number`-th on its proxy.

    `word` is the first word of its text. `acted` is whether the toxic acted on it.
    """

    toxic: str
    stream: Direction
    word: str
    seen_s: float
    number: int
    acted: bool = False


@dataclass(slots=True)
class Record:
    """One connection so far. Times are monotonic seconds, sizes are bytes.

    `flow` returns the bytes of a direction, live while the connection is open. `asked_s` is the
    time at which the client last sent anything but a goodbye, `answered_s` that at which the
    upstream last sent anything. `dismissed_s` is the time at which the upstream announced the end
    of the connection while the client had not ended it. `ending` says which side ended first and
    how, at `ending_s`; the connection closes later if the other side stays open. `dead_s` is the
    time at which a heal left the connection dead. `messages` are the first ones that toxics looked
    for. `unread` is why the connection's messages could not be read, empty if there is no reason.
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
    dead_s: float | None = None
    after_goodbye: bool = False
    applied: list[AppliedFault] = field(default_factory=list)
    messages: list[SeenMessage] = field(default_factory=list)
    unread: str = ""
    flow: Callable[[Direction], Flow] = lambda _: Flow()

    def note_bytes(self, direction: Direction, data: bytes | memoryview, now_s: float) -> None:
        """Record that the source of `direction` has sent bytes; `data` is empty if they were not
        read (splice).
        """
        if direction is Direction.UPSTREAM:
            self.after_goodbye = is_goodbye(data)
            if not self.after_goodbye:
                self.asked_s = now_s
            return
        self.answered_s = now_s
        if self.ending is None and is_dismissal(data):  # after the client's end it does not count
            self.dismissed_s = now_s

    def note_end(self, direction: Direction, how: End, now_s: float) -> None:
        """Record that one side has ended the connection; only the first end counts.

        An upstream that closes after the client's goodbye counts as closed by the client.
        """
        if self.ending is None:
            client = direction is Direction.UPSTREAM or (self.after_goodbye and how is End.EOF)
            who = "client" if client else "upstream"
            self.ending = f"{who}_{'closed' if how is End.EOF else 'reset'}"
            self.ending_s = now_s

    def note_message(self, seen: SeenMessage) -> None:
        """Record a message that a toxic looks for; later ones of a long connection are left out."""
        if len(self.messages) < KEPT_MESSAGES:
            self.messages.append(seen)

    def note_unread(self, why: str) -> None:
        """Record why messages of the connection cannot be read; the first reason counts."""
        self.unread = self.unread or why

    def leave_dead(self, now_s: float) -> None:
        """Record that a heal left the connection dead; its numbers are final."""
        self.dead_s = now_s
        self._keep_flow()

    def close(self, end: str, now_s: float) -> None:
        """Record the end; keep the final numbers and drop the reference to the live connection."""
        self._keep_flow()
        self.end, self.closed_s = end, now_s

    def _keep_flow(self) -> None:
        final = {direction: self.flow(direction) for direction in Direction}
        self.flow = final.__getitem__

    def as_json(self) -> dict[str, object]:
        """The record as a JSON object, as `GET /chaoslab/connections` shows it."""
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
            "dead_s": self.dead_s,
            "bytes_upstream": up.delivered,
            "bytes_downstream": down.delivered,
            "held_upstream": up.held,
            "held_downstream": down.held,
            "met": [
                {
                    "name": each.name,
                    "type": each.type,
                    "stream": each.stream.value,
                    "first_s": each.first_s,
                    "bytes": each.bytes,
                    "goodbye": each.goodbye,
                }
                for each in self.applied
            ],
            "messages": [
                {
                    "toxic": each.toxic,
                    "stream": each.stream.value,
                    "word": each.word,
                    "seen_s": each.seen_s,
                    "number": each.number,
                    "acted": each.acted,
                }
                for each in self.messages
            ],
            "unread": self.unread,
            "end": self.end,
        }


class ConnectionLog:
    """Records of all open connections and of the last `KEPT_CLOSED` closed ones; ids from 1."""

    def __init__(self) -> None:
        self._last_id = 0
        self._open: dict[int, Record] = {}
        self._closed: deque[Record] = deque(maxlen=KEPT_CLOSED)

    def open(self, proxy: str, client: str, upstream: str, now_s: float) -> Record:
        """Make and return a record for a connection that was just accepted."""
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
        """Records of one proxy (None: of all proxies) with an id above `since`, oldest first."""
        records = [*self._closed, *self._open.values()]
        chosen = (r for r in records if r.id > since and proxy in (None, r.proxy))
        return sorted(chosen, key=lambda record: record.id)
