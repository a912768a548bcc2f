"""The lab's own canary: a small connection through a link, to observe what a client gets there."""

from __future__ import annotations

import asyncio
import errno
import os
import socket

from chaoslab.agent.canary_ports import CanaryPorts
from chaoslab.clock import now_s
from chaoslab.errors import ErrorCode, InjectionFailed, Problem
from chaoslab.model.sighting import Outcome, Question, Sighting

NOT_SENT = ErrorCode(
    "canary.not_sent",
    "a canary could not be sent to {address}: {cause}",
    "The lab itself could not connect, for example without free file descriptors.",
)
# Used if no answer is expected. A proxy that cannot reach the server closes sooner than this.
_STAYS_OPEN_S = 0.1


async def ask(
    host: str, port: int, question: Question, *, within_s: float, source: CanaryPorts | None = None
) -> Sighting:
    """Connect, send one question, wait for the first byte of an answer, and return what was
    observed.

    If no answer is expected, a connection that stays open for 0.1 s is `accepted`. `within_s` is
    the time-out of the connect, and again of the answer. The client port is ephemeral, or one of
    `source`. Raises InjectionFailed if the lab itself cannot connect, for example without free file
    descriptors.
    """
    begun_s, client_port = now_s(), None

    def seen(outcome: Outcome) -> Sighting:
        return Sighting(outcome=outcome, took_s=now_s() - begun_s, client_port=client_port)

    try:
        sock = await _dialled((host, port), within_s, source)
    except ConnectionRefusedError:
        return seen("refused")
    except ConnectionError:
        return seen("reset")
    except OSError as error:
        reason = NOT_SENT(address=f"{host}:{port}", cause=str(error))
        raise InjectionFailed(Problem(reason=reason)) from error
    if sock is None:
        return seen("connect_timeout")
    outcome: Outcome = "silent"
    try:
        client_port = int(sock.getsockname()[1])
        outcome = await _answer(sock, question, within_s)
        return seen(outcome)
    finally:
        _close(sock, source, rest=outcome == "silent")


async def _answer(sock: socket.socket, question: Question, within_s: float) -> Outcome:
    """Send the question, wait for the first byte of an answer, and return the outcome.

    The outcome is read from the socket at the end, so it is right even if the event loop was late.
    """
    loop, readable = asyncio.get_running_loop(), asyncio.Event()
    if not question.answered:
        within_s = min(within_s, _STAYS_OPEN_S)
    try:
        if question.asked:
            sock.send(question.asked)  # so few bytes always fit a new socket
        loop.add_reader(sock, readable.set)
        try:
            async with asyncio.timeout(within_s):
                await readable.wait()
        except TimeoutError:
            pass
        finally:
            loop.remove_reader(sock)
        return "answered" if sock.recv(1) else "closed"
    except BlockingIOError:
        return "silent" if question.answered else "accepted"
    except OSError:
        return "reset"


async def _dialled(
    address: tuple[str, int], within_s: float, source: CanaryPorts | None
) -> socket.socket | None:
    """A socket that is connected to `address`; None if the handshake is not complete within
    `within_s` seconds.

    A port of `source` that still has a connection to the same address is skipped.
    """
    for tries_left in reversed(range(len(source) if source else 1)):
        sock = socket.socket()
        try:
            if source:
                source.bind(sock)
            if await _connected(sock, address, within_s):
                return sock
        except OSError as error:
            _close(sock, source)
            if error.errno != errno.EADDRNOTAVAIL or not tries_left:
                raise
        except BaseException:
            _close(sock, source)
            raise
        else:
            _close(sock, source)
            return None
    raise AssertionError("the last try returns or raises")


async def _connected(sock: socket.socket, address: tuple[str, int], within_s: float) -> bool:
    """Connect the socket. Returns whether the handshake is complete within `within_s` seconds.

    At the time-out the kernel is asked, so that a late event loop of the lab is not taken for an
    outage.
    """
    sock.setblocking(False)
    try:
        async with asyncio.timeout(within_s):
            await asyncio.get_running_loop().sock_connect(sock, address)
    except TimeoutError:
        state = sock.connect_ex(address)  # a second call returns the state of the first
        if state == errno.EALREADY:
            return False
        if state not in (0, errno.EISCONN):
            raise ConnectionRefusedError from None
    return True


def _close(sock: socket.socket, source: CanaryPorts | None, *, rest: bool = False) -> None:
    if source and sock.fileno() >= 0 and os.fstat(sock.fileno()).st_ino in source.inodes:
        source.release(sock, rest=rest)
    sock.close()
