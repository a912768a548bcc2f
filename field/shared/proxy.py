"""A path to a server that a script can cut, silence, delay, or end at certain bytes."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

from shared.waiting import HOST, free_port


class Proxy:
    """A path to the server of `url`.

    `delay_s`: the server's bytes arrive so much later. `ends_at` is asked before bytes are passed
    on, with "to server" or "to client": if it returns True, the connection is ended instead.
    """

    def __init__(self, url: str) -> None:
        self.delay_s = 0.0
        self.ends_at: Callable[[str, bytes], bool] = lambda _way, _data: False
        self._server = url
        self._port = free_port()
        self._sockets: set[socket.socket] = set()
        self._flows = _flowing()
        self.restore()

    @property
    def url(self) -> str:
        """The server's URL with the address of this path."""
        parts = urlsplit(self._server)
        account, _, _ = parts.netloc.rpartition("@")
        netloc = f"{account}@{HOST}:{self._port}" if account else f"{HOST}:{self._port}"
        return parts._replace(netloc=netloc).geturl()

    def cut(self) -> None:
        """End all connections, and refuse new ones."""
        for each in (self._listener, *self._sockets):
            _end(each)
        self._listener.close()
        self._sockets.clear()

    def silence(self) -> None:
        """Pass nothing on. Connections stay open, and new ones are accepted."""
        self._flows.clear()

    def replace(self) -> None:
        """After a silence: new connections work, and those of before stay silent for ever."""
        self._flows = _flowing()

    def restore(self) -> None:
        """Accept connections."""
        self._listener = socket.create_server((HOST, self._port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = _connected(self._server)
                self._sockets |= {client, server}
                for way in (("to server", client, server), ("to client", server, client)):
                    arguments = (self._flows, *way)
                    threading.Thread(target=self._pass_on, args=arguments, daemon=True).start()

    def _pass_on(
        self, flows: threading.Event, way: str, source: socket.socket, target: socket.socket
    ) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                flows.wait()
                if self.ends_at(way, data):
                    break
                if way == "to client":
                    time.sleep(self.delay_s)
                target.sendall(data)
        _end(source)
        _end(target)


def _flowing() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


def _connected(url: str) -> socket.socket:
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname or HOST, parts.port or 5432))


def _end(each: socket.socket) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
