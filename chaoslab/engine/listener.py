"""A proxy's port in its three modes: accepting, refusing, or dropping what arrives.

The port stays bound in all of them. *Refused*: bound but not listening, so the kernel answers
every SYN with an RST. *Dropped*: listening with an accept queue that is exactly full, so the
kernel drops every SYN and connect() hangs, as on a path that is cut. Neither needs root.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import errno
import select
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from chaoslab.engine import socket_diag
from chaoslab.engine.poller import READ, Poller
from chaoslab.network import MakesSockets

# The kernel lowers it to net.core.somaxconn.
BACKLOG = 65535
_ACCEPTS_AT_ONCE = 64
_FILL_TRIES = 16
_FILLER_WAIT_S = 0.05
# On loopback the answer has arrived before connect() returns; this is a margin.
_TRIAL_WAIT_S = 0.002
_FULL_TABLE = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_RETRY_S = 0.05
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}

Address = tuple[str, int]
OnClient = Callable[[socket.socket, Address], None]


class ConnectMode(enum.Enum):
    """How a port treats the connect() of a client: accept it, refuse it with an RST, or drop its
    SYNs.
    """

    ACCEPT = "accept"
    REFUSED = "refused"
    DROPPED = "dropped"


class CannotDrop(Exception):
    """The accept queue could not be filled exactly; the message is the reason."""


def why_dropped_is_unsupported() -> str | None:
    """A text that says why this platform cannot drop SYNs without root; None if it can.

    The function tries to drop SYNs with a socket of its own.
    """
    if not sys.platform.startswith("linux"):
        return f"SYNs are dropped by a full accept queue on Linux only; this is {sys.platform}"
    setting = Path("/proc/sys/net/ipv4/tcp_abort_on_overflow")
    try:
        if setting.read_text().strip() != "0":
            return f"{setting} is not 0, so a full accept queue resets instead of dropping"
    except OSError:
        pass  # some sandboxes do not let us read it; the trial below decides
    with bind("127.0.0.1", 0) as sock:
        fillers: dict[Address, socket.socket] = {}
        try:
            fill_accept_queue(sock, fillers, [])
            return _why_answered(sock)
        except (CannotDrop, OSError) as error:
            return f"a full accept queue was tried and did not drop: {error}"
        finally:
            for filler in fillers.values():
                filler.close()


def _why_answered(full: socket.socket) -> str | None:
    """Connect to the listener `full`, whose queue is full. Returns an error text if the listener
    answers, else None.
    """
    with socket.socket() as trial:
        trial.setblocking(False)
        trial.connect_ex(full.getsockname())
        answered = select.select((), (trial,), (), _TRIAL_WAIT_S)[1]
    return "a listener with a full accept queue answered instead of dropping" if answered else None


def bind(host: str, port: int, new_socket: MakesSockets = socket.socket) -> socket.socket:
    """A new non-blocking socket bound to the address, not listening yet; raises OSError.

    For port 0 the kernel chooses a port. We bind that port again by its number: a socket that stops
    listening keeps its port only if it asked for that number.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = _bound(new_socket, family, host, port)
    if port == 0:
        with sock as chosen:
            sock = _bound(new_socket, family, host, chosen.getsockname()[1])
    return sock


def _bound(new_socket: MakesSockets, family: int, host: str, port: int) -> socket.socket:
    sock = new_socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def fill_accept_queue(
    sock: socket.socket,
    fillers: dict[Address, socket.socket],
    clients: list[tuple[socket.socket, Address]],
    new_socket: MakesSockets = socket.socket,
) -> None:
    """Make the accept queue exactly full with one connection of the engine itself, a filler.

    Clients in the queue are accepted and added to `clients`: their connect() has succeeded, so they
    count as established. Raises CannotDrop if the queue does not stay exactly full.
    """
    for _ in range(_FILL_TRIES):
        sock.listen(1)
        clients.extend(accept_all(sock, fillers))
        _add_filler(sock, fillers, new_socket)
        # Linux accepts one connection more than the limit: with 0, one connection fills it.
        sock.listen(0)
        if socket_diag.accept_queue(sock) == 1 and all(
            map(socket_diag.established, fillers.values())
        ):
            return
        clients.extend(accept_all(sock, fillers))
    raise CannotDrop(f"the accept queue of {sock.getsockname()} did not stay exactly full")


def _add_filler(
    sock: socket.socket, fillers: dict[Address, socket.socket], new_socket: MakesSockets
) -> None:
    host, port = sock.getsockname()[:2]
    filler = new_socket(sock.family, socket.SOCK_STREAM)
    filler.setblocking(False)
    filler.connect_ex((_WILDCARDS.get(host, host), port))
    select.select((), (filler,), (), _FILLER_WAIT_S)
    fillers[filler.getsockname()[:2]] = filler


def accept_all(
    sock: socket.socket, fillers: dict[Address, socket.socket]
) -> list[tuple[socket.socket, Address]]:
    """Accept and return all clients in the queue.

    The engine's own fillers, which are known by their ports, are closed.
    """
    clients: list[tuple[socket.socket, Address]] = []
    with contextlib.suppress(OSError):
        while True:
            client, address = accept(sock)
            if address in fillers:
                client.close()
            else:
                clients.append((client, address))
    for filler in fillers.values():
        filler.close()
    fillers.clear()
    return clients


def accept(sock: socket.socket) -> tuple[socket.socket, Address]:
    """Accept one client; returns its socket and its address.

    An IPv4 address mapped into IPv6 is returned as IPv4.
    """
    client, address = sock.accept()
    return client, (address[0].removeprefix("::ffff:"), address[1])


class Listener:
    """One bound port. In mode ACCEPT, `on_client` is called with every accepted client.

    `new_socket` makes its sockets, which may be those of another network namespace.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        poller: Poller,
        address: Address,
        on_client: OnClient,
        new_socket: MakesSockets = socket.socket,
    ) -> None:
        self._loop = loop
        self._poller = poller
        self._on_client = on_client
        self._new_socket = new_socket
        self._sock = bind(*address, new_socket)
        self._fillers: dict[Address, socket.socket] = {}
        self._watched = False
        self._drops_before = 0
        self.mode: ConnectMode | None = None

    @property
    def address(self) -> Address:
        """The host and port to which the socket is bound."""
        return self._sock.getsockname()[:2]  # type: ignore[no-any-return]

    @property
    def syn_drops(self) -> int | None:
        """The number of SYNs dropped since mode DROPPED was set; each retry counts. None in another
        mode, or if unknown.
        """
        if self.mode is not ConnectMode.DROPPED:
            return None
        drops = socket_diag.syn_drops(self._sock, self._new_socket)
        return None if drops is None else drops - self._drops_before

    def set_mode(self, mode: ConnectMode) -> list[tuple[socket.socket, Address]]:
        """Change the mode. Returns the clients that have connected but were not yet accepted.

        After OSError or CannotDrop the old mode is in force.
        """
        before = self.mode
        if mode is before:
            return []
        clients: list[tuple[socket.socket, Address]] = []
        self._unwatch()
        try:
            self._enter(mode, clients)
        except (OSError, CannotDrop):
            if before is not None:
                self._enter(before, clients)
            for client, address in clients:
                self._on_client(client, address)
            raise
        finally:
            self._resume()
        return clients

    def _enter(self, mode: ConnectMode, clients: list[tuple[socket.socket, Address]]) -> None:
        if mode is ConnectMode.DROPPED:
            self._allow_listening()
            fill_accept_queue(self._sock, self._fillers, clients, self._new_socket)
            drops = socket_diag.syn_drops(self._sock, self._new_socket)
            self._drops_before = drops or 0
        elif mode is ConnectMode.ACCEPT:
            self._allow_listening()
            self._sock.listen(BACKLOG)
            clients.extend(accept_all(self._sock, self._fillers))
        else:
            self._stop_listening(clients)
        self.mode = mode

    def _allow_listening(self) -> None:
        """Set SO_REUSEADDR: without this option listen() fails while accepted connections use the
        port.
        """
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

    def _stop_listening(self, clients: list[tuple[socket.socket, Address]]) -> None:
        """Stop listening but stay bound, by shutdown(). Clients that have connected but were not
        yet accepted are added to `clients`.

        SO_REUSEADDR is cleared, so that no other process can bind the port meanwhile.
        """
        if self.mode is not None:
            clients.extend(accept_all(self._sock, self._fillers))
            self._sock.shutdown(socket.SHUT_RD)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)

    def _accept(self, _events: int) -> None:
        for _ in range(_ACCEPTS_AT_ONCE):
            if self.mode is not ConnectMode.ACCEPT:
                return  # the last client fired a trigger, which changed the mode
            try:
                client, address = accept(self._sock)
            except OSError as error:  # the queue is empty, or the client has disconnected
                if error.errno in _FULL_TABLE:
                    self._pause()
                return
            self._on_client(client, address)

    def _pause(self) -> None:
        """Stop accepting for 50 ms, because the process is out of descriptors.

        Clients wait in the queue.
        """
        self._unwatch()
        self._loop.call_later(_RETRY_S, self._resume)

    def _resume(self) -> None:
        if self.mode is ConnectMode.ACCEPT and not self._watched:
            self._poller.watch(self._sock.fileno(), READ, self._accept)
            self._watched = True

    def _unwatch(self) -> None:
        if self._watched:
            self._poller.forget(self._sock.fileno())
            self._watched = False

    def close(self) -> None:
        """Release the port; the kernel resets clients that were not accepted."""
        self._unwatch()
        self._sock.close()
        for filler in self._fillers.values():
            filler.close()
        self._fillers.clear()
        self.mode = None
