"""An upstream that sends every byte back, for programs that use both ends of a path."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType


class Echo:
    """Accepts and echoes until the block ends; a connection ends when its client ends it."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept)

    @property
    def address(self) -> str:
        """host:port to name as a proxy's upstream."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def _accept(self) -> None:
        # on Linux, shutdown() of the socket ends accept() with an error
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.add(client)
                self._threads.append(threading.Thread(target=self._echo, args=(client,)))
                self._threads[-1].start()

    def _echo(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            while data := client.recv(1 << 16):
                client.sendall(data)
        self._open.discard(client)

    def __enter__(self) -> Echo:
        self._accepting.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        for client in list(self._open):
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
