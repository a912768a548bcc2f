"""The first two steps of every path: resolve the name, and connect to one of its addresses."""

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
    """The addresses of a host, as this machine's resolver gives them.

    Raises Ended for an unknown name, or if no name server answers. The resolver cannot be
    interrupted, so it runs in a daemon thread, for which the process does not wait.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Sequence[Address] | Exception] = loop.create_future()

    def settle(result: Sequence[Address] | Exception) -> None:
        if not answer.done():
            answer.set_result(result)

    def resolve() -> None:
        result: Sequence[Address] | Exception
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            result = [Address(family=each[0], at=(str(each[4][0]), port)) for each in found]
        except (OSError, UnicodeError) as error:
            result = error
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(settle, result)

    threading.Thread(target=resolve, name="resolver", daemon=True).start()
    result = await answer
    if isinstance(result, UnicodeError) or getattr(result, "errno", None) in _NO_SUCH_NAME:
        raise Ended("unknown name", host)
    if isinstance(result, Exception):
        raise Ended("unresolved", str(getattr(result, "strerror", result)))
    return result


async def connect_any(
    found: Sequence[Address], within_s: float
) -> tuple[socket.socket, Address, str]:
    """Connect to all addresses at the same time.

    Returns the connection to the first address in the list that accepts, that address, and a note
    on the addresses that failed. Raises Ended with the outcome of the first address if all fail.
    """
    results = await asyncio.gather(*(_connect(each, within_s) for each in found))
    pairs = [*zip(found, results, strict=True)]
    good = [(each, result) for each, result in pairs if isinstance(result, socket.socket)]
    bad = [(each, result) for each, result in pairs if not isinstance(result, socket.socket)]
    failed = ", ".join(f"{each} {got[0]}{f' ({got[1]})' if got[1] else ''}" for each, got in bad)
    if not good:
        raise Ended(bad[0][1][0], failed)
    for _, spare in good[1:]:
        spare.close()
    return good[0][1], good[0][0], f"another address of this name: {failed}" if failed else ""


async def _connect(address: Address, within_s: float) -> socket.socket | tuple[Outcome, str]:
    try:
        sock = socket.socket(address.family, socket.SOCK_STREAM)
    except OSError as error:
        return "unreachable", error.strerror or str(error)
    try:
        sock.setblocking(False)
        failed = await _handshake(sock, address, within_s)
    except BaseException:
        sock.close()
        raise
    if failed is None:
        return sock
    sock.close()
    return failed


async def _handshake(
    sock: socket.socket, address: Address, within_s: float
) -> tuple[Outcome, str] | None:
    """Connect the socket. Returns None if the connection is open, else the outcome and a note.

    After a time-out the kernel is asked for the state, because this process may be late.
    """
    try:
        async with asyncio.timeout(within_s):
            await asyncio.get_running_loop().sock_connect(sock, address.at)
    except TimeoutError as error:
        state = error.errno or sock.connect_ex(address.at)
        return None if state in (0, errno.EISCONN) else _outcome_of(state)
    except OSError as error:
        return _outcome_of(error.errno or 0)
    return None


def _outcome_of(number: int) -> tuple[Outcome, str]:
    if number == errno.ECONNREFUSED:
        return "refused", ""
    if number in (errno.EALREADY, errno.EINPROGRESS, errno.ETIMEDOUT):
        return "dropped", ""
    if number in (errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE):
        return "closed", "reset"
    return "unreachable", errno.errorcode.get(number, str(number))
