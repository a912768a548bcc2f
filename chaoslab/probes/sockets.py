"""The app's own sockets on each link, from the kernel: what the app met, whatever it says."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from chaoslab.history.events import AppSockets, Listening
from chaoslab.probes.base import Watched
from chaoslab.probes.past_proxy import PastProxyProbe

SAMPLE_S = 0.025


class SocketProbe:
    """Samples the sockets of one boot and writes down every change, link by link, and on which
    ports it listens.

    `ports` maps a link's name to the port of its proxy. A connect that is refused comes and goes
    between two samples; a connect that is dropped stands in SYN_SENT and cannot be missed.
    `past` takes those that go past the proxies, where that is looked for.
    """

    def __init__(
        self, watched: Watched, ports: Mapping[str, int], past: PastProxyProbe | None = None
    ) -> None:
        self._watched, self._past = watched, past
        self._links = {port: link for link, port in ports.items()}
        self._last: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {}
        self._listening: tuple[int, ...] = ()

    async def run(self, over: asyncio.Event) -> None:
        """Sample until the process ends or `over` is set."""
        while self._watched.running.exit_code is None and not over.is_set():
            self._sample()
            await asyncio.sleep(SAMPLE_S)

    def _sample(self) -> None:
        now: dict[str, dict[str, list[int]]] = {link: {} for link in self._links.values()}
        sockets = self._watched.running.sockets()
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
                        app=self._watched.app.name,
                        boot=self._watched.boot,
                        link=link,
                        syn_sent=seen[0],
                        established=seen[1],
                    )
                )

    def _note_listening(self, ports: set[int]) -> None:
        """Each change; not the end of them all with the process, which its exit tells."""
        watched, listening = self._watched, tuple(sorted(ports))
        if listening == self._listening or watched.running.exit_code is not None:
            return
        self._listening = listening
        watched.journal.append(
            Listening(
                at_s=watched.journal.now(),
                app=watched.app.name,
                boot=watched.boot,
                ports=listening,
            )
        )
