"""Sends the list of sockets of this network namespace to the lab whenever the list has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Container

from chaoslab.agent.protocol import Json
from chaoslab.agent.tcp_table import tcp_table
from chaoslab.clock import now_s

# The address of Docker's resolver, which listens in the namespace of every container.
_RESOLVER = bytes((127, 0, 0, 11))

Sockets = list[tuple[str, int, int, str]]


async def watch(
    send: Callable[[Json], Awaitable[None]], *, every_s: float, own: Container[int]
) -> None:
    """Read the table of sockets every `every_s` seconds; send the first table and each changed one.

    A change that is undone before the table is read again is not observed. Sockets with an inode in
    `own` are left out. If the kernel does not show sockets, the reason is sent and the watch ends.
    """
    last: Sockets | None = None
    while True:
        at_s = now_s()
        try:
            seen = sockets(own)
        except OSError as error:
            await send({"watch_failed": f"the kernel shows no sockets: {error}", "at_s": at_s})
            return
        if seen != last:
            await send({"sockets": seen, "at_s": at_s})
            last = seen
        await asyncio.sleep(every_s)


def sockets(own: Container[int]) -> Sockets:
    """A sorted list with (state, local port, remote port, local address in hexadecimal digits) of
    each socket that a process holds.

    Not included: sockets with an inode in `own`, sockets without a process, and Docker's resolver.
    """
    return sorted(
        (row.state, row.local_port, row.remote_port, row.local_address.hex())
        for row in tcp_table()
        if row.inode and row.inode not in own and row.local_address != _RESOLVER
    )
