"""Sockets of another network namespace, made there by a process and handed out over a Unix socket.

A socket belongs to the namespace in which it was made, whichever process uses it. So a process of
the machine can listen or connect inside a namespace without being in it.
"""

from __future__ import annotations

import errno
import json
import os
import socket
from collections import deque
from collections.abc import Sequence
from typing import Protocol

ANSWER_WITHIN_S = 5.0
MOST_AT_ONCE = 32
_MOST_BYTES = 4096


class MakesSockets(Protocol):
    """Makes sockets of one network namespace. `socket.socket` is one, for the process's own."""

    def __call__(self, family: int, type: int, proto: int = 0, /) -> socket.socket:
        """A new blocking socket of that family, type and protocol. Raises OSError."""


class NotHanded(OSError):
    """The process inside the namespace did not hand out a socket: the lab's failure, no app's."""


class NoAnswer(OSError):
    """The process inside the namespace has ended, or did not answer in time."""


class HandedSockets:
    """Makes sockets of another network namespace; a process inside answers at `channel`.

    `channel` is a Unix socket of type SEQPACKET. With `at_once` above 1, so many sockets of one
    kind are requested together, and the spare ones are kept for the next calls.
    """

    def __init__(self, channel: socket.socket, *, at_once: int = 1) -> None:
        self._channel, self._at_once = channel, at_once
        self._spare: dict[tuple[int, int, int], deque[socket.socket]] = {}
        self._why_none = ""
        channel.settimeout(ANSWER_WITHIN_S)

    def __call__(self, family: int, type: int, proto: int = 0, /) -> socket.socket:
        """A new blocking socket inside the namespace.

        Raises NotHanded if it cannot be made, or if the process inside does not answer.
        """
        kind = (family, type, proto)
        spare = self._spare.setdefault(kind, deque())
        if not spare:
            spare.extend(socket.socket(fileno=each) for each in self._handed(kind))
        return spare.popleft()

    def _handed(self, kind: tuple[int, int, int]) -> list[int]:
        if self._why_none:
            raise NotHanded(errno.EPIPE, self._why_none)
        try:
            return exchange(self._channel, {"sockets": [*kind, self._at_once]})[1]
        except OSError as error:
            # A late answer would be taken for that of the next request.
            self._channel.close()
            self._why_none = f"no socket of the namespace: {error.strerror}"
            raise NotHanded(error.errno, self._why_none) from error

    def close(self) -> None:
        """Close the channel and the spare sockets."""
        for spare in self._spare.values():
            while spare:
                spare.pop().close()
        self._channel.close()


def exchange(
    channel: socket.socket, request: dict[str, object], descriptors: Sequence[int] = ()
) -> tuple[dict[str, object], list[int]]:
    """Send a request with open descriptors; returns the answer and the descriptors with it.

    Raises OSError: that of the other side, or NoAnswer if there is no answer.
    """
    try:
        socket.send_fds(channel, [json.dumps(request).encode()], list(descriptors))
        data, handed, _, _ = socket.recv_fds(channel, _MOST_BYTES, MOST_AT_ONCE)
    except OSError as error:
        raise NoAnswer(error.errno or errno.ETIMEDOUT, error.strerror or str(error)) from error
    if not data:
        raise NoAnswer(errno.ECONNRESET, "the process in the namespace has ended")
    for each in handed:
        os.set_inheritable(each, False)
    answer = json.loads(data)
    if "errno" in answer:
        raise OSError(answer["errno"], answer["error"], answer.get("file"))
    return answer, handed
