"""One server with a proxy, and all that both ends of its connections have received."""

from __future__ import annotations

import contextlib
import select
from collections.abc import Iterable
from dataclasses import dataclass, field

from chaoslab.clock import now_s

from .api import Api
from .arms import lasting_port
from .wire import End, Pair, Service

ENDS = ("client", "upstream")


@dataclass(slots=True, kw_only=True)
class Received:
    """What one end of a connection received: bytes, the time of the last one, whether it ended."""

    end: End
    data: bytearray = field(default_factory=bytearray)
    last_s: float = 0.0
    over: bool = False

    def look(self) -> None:
        """Read what has arrived. An end that has ended is closed at once."""
        seen = self.end.read(0.0001)
        self.data += seen.data
        if seen.end in ("eof", "reset"):
            self.close()
        if seen.data:
            self.last_s = now_s()

    def close(self) -> None:
        """Close this end; nothing is read any more."""
        self.over = True
        self.end.close()


class World:
    """A proxy `db` on one server, its upstream, and its connections, numbered from 0."""

    def __init__(self, api: Api, service: Service) -> None:
        self.api = api
        self._service = service
        self.ends: list[dict[str, Received]] = []
        self.acted_s = now_s()
        self._listen = f"127.0.0.1:{lasting_port()}"
        body = {"name": "db", "listen": self._listen, "upstream": service.address}
        assert api.post("/proxies", body).status == 201

    def open(self) -> None:
        """Open one more connection."""
        pair: Pair = self._service.pair(self._listen)
        self.ends.append(
            {"client": Received(end=pair.client), "upstream": Received(end=pair.upstream)}
        )

    def send(self, number: int, end: str, data: bytes) -> None:
        """Send from an end; it fails if the proxy has just ended the connection."""
        with contextlib.suppress(OSError):
            self.ends[number][end].end.send(data)

    def seen(self) -> list[dict[str, tuple[bytes, bool]]]:
        """The bytes and whether it has ended, by connection and end."""
        return [{name: (bytes(one.data), one.over) for name, one in ends.items()}
                for ends in self.ends]  # fmt: skip

    def late_s(self) -> list[dict[str, float]]:
        """For each end, how long after the last step its last byte arrived; 0 if there was none."""
        return [{name: max(one.last_s - self.acted_s, 0.0) for name, one in ends.items()}
                for ends in self.ends]  # fmt: skip

    def watched(self) -> Iterable[Received]:
        """The ends that can still receive something."""
        return [one for ends in self.ends for one in ends.values() if not one.over]


def settle(worlds: Iterable[World], quiet_s: float, within_s: float) -> bool:
    """Read until both worlds are equal and silent for `quiet_s`; False if that takes too long."""
    worlds = list(worlds)
    deadline_s = now_s() + within_s
    silent_s = now_s()
    while True:
        begun_s = now_s()
        watched = {one.end.sock: one for world in worlds for one in world.watched()}
        ready = select.select(list(watched), [], [], min(quiet_s, 0.01))[0]
        for sock in ready:
            watched[sock].look()
            silent_s = now_s()
        # Counted from the begin of the read: bytes that arrived later were not read.
        if not ready and begun_s - silent_s >= quiet_s:
            first, *others = (world.seen() for world in worlds)
            if all(first == other for other in others):
                return True
        if now_s() > deadline_s:
            return False
