"""The sockets of this network namespace, told whenever their set has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Container

from chaoslab.agent.protocol import Json
from chaoslab.agent.tcp_table import tcp_table
from chaoslab.clock import now_s

# Docker answers names on this address; its listeners stand in every container's namespace.
_RESOLVER = bytes((127, 0, 0, 11))

Sockets = list[tuple[str, int, int]]


async def watch(
    say: Callable[[Json], Awaitable[None]], *, every_s: float, own: Container[int]
) -> None:
    """Look every `every_s` seconds, and say the sockets at once and then when they have changed.

    A change that is undone between two looks is not seen. Ends, and says why, where the kernel
    shows no sockets.
    """
    told: Sockets | None = None
    while True:
        at_s = now_s()
        try:
            seen = sockets(own)
        except OSError as error:
            await say({"watch_failed": f"the kernel shows no sockets: {error}", "at_s": at_s})
            return
        if seen != told:
            await say({"sockets": seen, "at_s": at_s})
            told = seen
        await asyncio.sleep(every_s)


def sockets(own: Container[int]) -> Sockets:
    """(state, local port, remote port) of each that a process holds, in a fixed order.

    Left out: inodes of `own`, sockets of no process any more, and the engine's resolver.
    """
    return sorted(
        (row.state, row.local_port, row.remote_port)
        for row in tcp_table()
        if row.inode and row.inode not in own and row.local_address != _RESOLVER
    )
