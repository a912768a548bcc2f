"""Records the app's own sockets on each link, as the kernel lists them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from chaoslab.history.events import AppSockets, Listening
from chaoslab.probes.base import Watched
from chaoslab.probes.past_proxy import PastProxyProbe

SAMPLE_S = 0.025


class SocketProbe:
    """Records every change of one boot's sockets on each link, and of the ports on which it
    listens.

    `ports` maps a link's name to the port of its proxy. A refused connect may begin and end between
    two samples. A dropped connect stays in SYN_SENT and is always observed. `past` also gets the
    sockets, to find those that bypass the proxies.
    """

    def __init__(
        self, watched: Watched, ports: Mapping[str, int], past: PastProxyProbe | None = None
    ) -> None:
        self._watched, self._past = watched, past
        self._links = {port: link for link, port in ports.items()}
        self._last: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {}
        self._listening: tuple[int, ...] = ()

    async def run(self, over: asyncio.Event) -> None:
        """Read the sockets each `SAMPLE_S` seconds, until the process ends or `over` is set."""
        while self._watched.running.exit_code is None and not over.is_set():
            self._sample()
            await asyncio.sleep(SAMPLE_S)

    def _sample(self) -> None:
        now: dict[str, dict[str, list[int]]] = {link: {} for link in self._links.values()}
        sockets = self._watched.sockets()
        self._note_listening({s.local_port for s in sockets if s.state == "LISTEN"})
        if self._past is not None:
            self._past.note_sockets(self._watched.app.name, self._watched.boot, sockets)
        for socket in sockets:
            if (link := self._links.get(socket.remote_port)) is not None:
                now[link].setdefault(socket.state, []).append(socket.local_port)
        for link, states in now.items():
            seen = tuple(
                tuple(sorted(states.get(state, ()))) for state in ("SYN_SENT", "ESTABLISHED")
            )
            if seen != self._last.get(link, ((), ())):
                self._last[link] = (seen[0], seen[1])
                self._watched.journal.append(
                    AppSockets(
                        at_s=self._watched.journal.now(),
                        **self._watched.who,
                        link=link,
                        syn_sent=seen[0],
                        established=seen[1],
                    )
                )

    def _note_listening(self, ports: set[int]) -> None:
        """Record `ports`, the ports on which the app listens, if they have changed. The change at
        the exit of the process, which closes every port, is not recorded.
        """
        watched, listening = self._watched, tuple(sorted(ports))
        if listening == self._listening or watched.running.exit_code is not None:
            return
        self._listening = listening
        at_s = watched.journal.now()
        watched.journal.append(Listening(at_s=at_s, **watched.who, ports=listening))
