"""Connects to an upstream without blocking the event loop."""

from __future__ import annotations

import asyncio
import socket

from chaoslab.engine.wire import digits


def split(address: str) -> tuple[str, int]:
    """The host and the port of an address `host:port` or `[host]:port`.

    Raises OSError for any other text.
    """
    host, colon, port = address.rpartition(":")
    number = digits(port)
    if not colon or number is None or number > 65535:
        raise OSError(f"dial tcp: address {address}: expected host:port")
    return host.removeprefix("[").removesuffix("]") or "127.0.0.1", number


async def dial(loop: asyncio.AbstractEventLoop, address: str) -> socket.socket:
    """Connect to an address, and return the non-blocking socket.

    The addresses of the name are tried one after the other. Raises the OSError of the last address,
    or ValueError for an impossible name. The only time-out is the kernel's, as in Toxiproxy.
    """
    host, port = split(address)
    failure: OSError = OSError(f"dial tcp: {address}: no address")
    for family, where in await _resolve(loop, host, port):
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            await loop.sock_connect(sock, where)
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failure


async def _resolve(
    loop: asyncio.AbstractEventLoop, host: str, port: int
) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
    """The addresses of `host`: for each the family, and the address with the port. A name is looked
    up on each call, because a container's address changes.
    """
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError):
            continue
        return [(family, (host, port))]
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, (str(where[0]), int(where[1]))) for family, _, _, _, where in found]
