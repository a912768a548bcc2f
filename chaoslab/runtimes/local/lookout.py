"""Finds connections to the lab's servers that neither the lab nor its proxy opened."""

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

    The kernel's table has both ends of a connection to such a server. The client's end is used: it
    shows the process that holds the connection, also one outside an app's process tree. `own`
    returns the lab's processes: this process, its proxy server, its services. `boot_of` maps a
    process to the main process of the boot that started it, to 0 if no boot did.
    """

    def __init__(self, own: Callable[[], Iterable[int]], boot_of: Callable[[int], int]) -> None:
        self._own, self._boot_of = own, boot_of
        self._known: set[int] = set()
        self._without_holder: set[int] = set()

    def look(self, servers: Iterable[Endpoint]) -> tuple[ServerClient, ...]:
        """The open connections to `servers`, without the lab's own, that no earlier call returned.

        A connection whose process is not known is returned by the second call only: it may be a
        connection of the lab that is closing. Raises OSError if the kernel's table cannot be read.
        """
        places = {(server.host, server.port) for server in servers}
        rows = {row.inode: row for row in _clients(places)}
        self._known &= rows.keys()
        if not (new := rows.keys() - self._known):
            return ()
        # Read after the table: the lab holds its own connections longer than both reads take.
        own = {inode for pid in self._own() for inode in socket_inodes(pid)}
        others = new - own
        holders = _holders(others) if others else {}
        found = [inode for inode in others if inode in holders or inode in self._without_holder]
        self._without_holder = others - holders.keys()
        self._known |= (new & own) | set(found)
        return tuple(self._client(rows[inode], holders.get(inode, 0)) for inode in sorted(found))

    def name_of(self, pid: int) -> str:
        """The kernel's name (`comm`) of a process, in printable characters; empty if it has
        ended.
        """
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
    """Maps the inode of each wanted socket to the number of a process that holds it, if one is
    found.
    """
    found: dict[int, int] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            found.update(
                (inode, int(name)) for inode in socket_inodes(int(name)) if inode in wanted
            )
    return found
