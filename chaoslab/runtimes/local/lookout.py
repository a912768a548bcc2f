"""Who is connected to the lab's servers: every connection that neither lab nor proxy opened."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from chaoslab.agent.tcp_table import Row, tcp_table
from chaoslab.machine import births
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.sockets import CONNECTED, host_of, socket_inodes
from chaoslab.runtimes.base import ServerClient


class Lookout:
    """Implements `Lookout` for servers on this machine's loopback.

    The kernel's table has both ends of such a connection; looked at is the client's, since that
    one tells who holds it, also where that is no process of an app's tree. `own` are the processes
    of the lab: itself, its proxy server, its services. `boot_of` tells from which boot's main
    process another came, 0 where from none.
    """

    def __init__(self, own: Callable[[], Iterable[int]], boot_of: Callable[[int], int]) -> None:
        self._own, self._boot_of = own, boot_of
        self._known: set[int] = set()
        self._without_holder: set[int] = set()

    def look(self, servers: Iterable[Endpoint]) -> tuple[ServerClient, ...]:
        """Those connections that stand now and were not told of before.

        One whose holder is not shown is told of at the second look, so that one of the lab's that
        closed meanwhile is not taken for another's. Raises OSError where nothing can be seen.
        """
        places = {(server.host, server.port) for server in servers}
        rows = {row.inode: row for row in _clients(places)}
        self._known &= rows.keys()
        if not (new := rows.keys() - self._known):
            return ()
        # After the table: what the lab opened is held by it for longer than the two looks take.
        own = {inode for pid in self._own() for inode in socket_inodes(pid)}
        strange = new - own
        holders = _holders(strange) if strange else {}
        told = [inode for inode in strange if inode in holders or inode in self._without_holder]
        self._without_holder = strange - holders.keys()
        self._known |= (new & own) | set(told)
        return tuple(self._client(rows[inode], holders.get(inode, 0)) for inode in sorted(told))

    def name_of(self, pid: int) -> str:
        """Its `comm`, printable."""
        return births.name_of(pid)

    def _client(self, row: Row, pid: int) -> ServerClient:
        return ServerClient(
            server=Endpoint(host=host_of(row.remote_address), port=row.remote_port),
            local_port=row.local_port,
            pid=pid,
            process=self.name_of(pid) if pid else "",
            boot_pid=self._boot_of(pid) if pid else 0,
        )


def _clients(places: set[tuple[str, int]]) -> list[Row]:
    ports = {port for _, port in places}
    return [
        row
        for row in tcp_table(to=ports)
        if row.inode
        and row.state in CONNECTED
        and (host_of(row.remote_address), row.remote_port) in places
    ]


def _holders(wanted: set[int]) -> dict[int, int]:
    """A process that holds each of these sockets, where the machine shows one."""
    found: dict[int, int] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            found.update(
                (inode, int(name)) for inode in socket_inodes(int(name)) if inode in wanted
            )
    return found
