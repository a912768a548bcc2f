"""Finds connections that reach a server without the link's proxy: no fault can act on them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal

from chaoslab.history.events import PathBypassed, ProcessSpawned, Spawned
from chaoslab.history.journal import Journal
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.sockets import CONNECTED, AppSocket
from chaoslab.model.topology import Link
from chaoslab.runtimes.base import Lookout, ServerClient

LOOK_EVERY_S = 0.05
MOST = 50  # of one link and boot; an app that opens one for each request would fill the history


class PastProxyProbe:
    """Records every connection of an app that bypasses a link's proxy, once for each of the two
    ways to find it.

    `run` reads the connections of the servers. `note_sockets` takes the sockets of a boot from
    SocketProbe, which reads them more often. `servers` maps each link to its server's address.
    """

    def __init__(
        self, servers: Mapping[Link, Endpoint], lookout: Lookout, journal: Journal
    ) -> None:
        self._servers, self._lookout, self._journal = servers, lookout, journal
        self._known: dict[tuple[str, int], set[tuple[str, int, int]]] = {}
        self._written: Counter[tuple[str, int, str]] = Counter()

    async def run(self) -> None:
        """Read the servers' new connections again and again until cancelled, and record those that
        bypass a proxy.
        """
        servers = frozenset(self._servers.values())
        while True:
            for client in self._lookout.look(servers):
                self._note_client(client)
            await asyncio.sleep(LOOK_EVERY_S)

    def note_sockets(self, app: str, boot: int, sockets: Iterable[AppSocket]) -> None:
        """Record the sockets of one boot that are new since the last call and bypass a proxy."""
        before, now = self._known.get((app, boot), set()), set()
        for s in sockets:
            if s.state not in CONNECTED:
                continue
            there = Endpoint(host=s.remote_host, port=s.remote_port)
            for link in self._links_to(there, app):
                now.add(key := (link.name, s.pid, s.local_port))
                if key not in before:
                    name = self._lookout.name_of(s.pid)
                    client = ServerClient(
                        server=there, local_port=s.local_port, pid=s.pid, process=name
                    )
                    self._write(link, boot, client, "app sockets")
        self._known[app, boot] = now

    def _note_client(self, client: ServerClient) -> None:
        """Record a client of a server for the app whose boot owns it; if no boot owns it, for every
        link to that server.
        """
        boot = self._boot_of(client.boot_pid) if client.boot_pid else None
        for link in self._links_to(client.server, boot.app if boot else ""):
            self._write(link, boot.boot if boot else 0, client, "server connections")

    def _boot_of(self, pid: int) -> Spawned | None:
        """The boot with that main process, or the newest of the app that has it as a further
        process.
        """
        history = self._journal.history
        if (beside := history.first(ProcessSpawned, lambda s: s.pid == pid)) is not None:
            return history.last(Spawned, lambda s: s.app == beside.app)
        return history.first(Spawned, lambda s: s.pid == pid)

    def _links_to(self, server: Endpoint, app: str) -> list[Link]:
        return [
            link
            for link, own in self._servers.items()
            if own == server and (not app or link.app == app)
        ]

    def _write(
        self,
        link: Link,
        boot: int,
        client: ServerClient,
        seen: Literal["app sockets", "server connections"],
    ) -> None:
        self._written[link.name, boot, seen] += 1
        if self._written[link.name, boot, seen] > MOST:
            return
        self._journal.append(
            PathBypassed(
                at_s=self._journal.now(),
                app=link.app,
                boot=boot,
                link=link.name,
                pid=client.pid,
                process=client.process,
                local_port=client.local_port,
                remote=str(client.server),
                seen=seen,
            )
        )
