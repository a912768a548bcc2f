"""The two first steps of any path: the name's addresses, and a connection to one of them."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence

from chaoslab.services.path import Address, Ended, Outcome

_NO_SUCH_NAME = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))


Resolver = Callable[[str, int], Awaitable[Sequence[Address]]]


async def addresses(host: str, port: int) -> Sequence[Address]:
    """What the machine's resolver says. Raises Ended: unknown name, or no answer about it.

    In a thread of its own that may be left behind: a resolver cannot be interrupted, and nobody
    should wait for it at the end.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Sequence[Address] | Exception] = loop.create_future()

    def settle(got: Sequence[Address] | Exception) -> None:
        if not answer.done():
            answer.set_result(got)

    def ask() -> None:
        got: Sequence[Address] | Exception
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            got = [Address(family=each[0], at=(str(each[4][0]), port)) for each in found]
        except (OSError, UnicodeError) as error:
            got = error
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, got)

    threading.Thread(target=ask, name="resolver", daemon=True).start()
    got = await answer
    if isinstance(got, UnicodeError) or getattr(got, "errno", None) in _NO_SUCH_NAME:
        raise Ended("unknown name", host)
    if isinstance(got, Exception):
        raise Ended("unresolved", str(getattr(got, "strerror", got)))
    return got


async def dialled(found: Sequence[Address], within_s: float) -> tuple[socket.socket, Address, str]:
    """A connection to the first address that takes one, all tried at once, and a note on the rest.

    Raises Ended with what the first one met where none does.
    """
    met = await asyncio.gather(*(_connected(each, within_s) for each in found))
    pairs = [*zip(found, met, strict=True)]
    good = [(each, got) for each, got in pairs if isinstance(got, socket.socket)]
    bad = [(each, got) for each, got in pairs if not isinstance(got, socket.socket)]
    told = ", ".join(f"{each} {got[0]}{f' ({got[1]})' if got[1] else ''}" for each, got in bad)
    if not good:
        raise Ended(bad[0][1][0], told)
    for _, spare in good[1:]:
        spare.close()
    return good[0][1], good[0][0], f"another address of this name: {told}" if told else ""


async def _connected(address: Address, within_s: float) -> socket.socket | tuple[Outcome, str]:
    try:
        sock = socket.socket(address.family, socket.SOCK_STREAM)
    except OSError as error:
        return "unreachable", error.strerror or str(error)
    try:
        sock.setblocking(False)
        met = await _shaken_hands(sock, address, within_s)
    except BaseException:
        sock.close()
        raise
    if met is None:
        return sock
    sock.close()
    return met


async def _shaken_hands(
    sock: socket.socket, address: Address, within_s: float
) -> tuple[Outcome, str] | None:
    """None where the connection stands. The kernel has the last word, not a loop that is late."""
    try:
        async with asyncio.timeout(within_s):
            await asyncio.get_running_loop().sock_connect(sock, address.at)
    except TimeoutError as error:
        state = error.errno or sock.connect_ex(address.at)
        return None if state in (0, errno.EISCONN) else _met(state)
    except OSError as error:
        return _met(error.errno or 0)
    return None


def _met(number: int) -> tuple[Outcome, str]:
    if number == errno.ECONNREFUSED:
        return "refused", ""
    if number in (errno.EALREADY, errno.EINPROGRESS, errno.ETIMEDOUT):
        return "dropped", ""
    if number in (errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE):
        return "closed", "reset"
    return "unreachable", errno.errorcode.get(number, str(number))
