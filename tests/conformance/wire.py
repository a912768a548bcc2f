"""Both ends of a proxied path in one process, with the result of each read."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from types import TracebackType

from chaoslab.clock import now_s

PATIENCE_S = 5.0  # how long a read that must succeed may take on a busy two-core machine
EOF = "eof"
RESET = "reset"
SILENT = "silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The result of one read: bytes, or how it ended (`eof`, `reset`, `silent`), and when."""

    data: bytes
    end: str | None
    after_s: float


class End:
    """One end of a connection: a blocking socket; every read has a time-out and is timed."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: bytes) -> None:
        """Send all bytes."""
        self.sock.settimeout(PATIENCE_S)
        self.sock.sendall(data)

    def read(self, within_s: float = PATIENCE_S) -> Seen:
        """One read: the first result within the time-out."""
        self.sock.settimeout(within_s)
        start_s = now_s()
        data, end = b"", None
        try:
            data = self.sock.recv(1 << 18)
            end = None if data else EOF
        except TimeoutError:
            end = SILENT
        except ConnectionResetError:
            end = RESET
        return Seen(data=data, end=end, after_s=now_s() - start_s)

    def read_exactly(self, size: int, within_s: float = PATIENCE_S) -> Seen:
        """`size` bytes, or fewer with the reason; after_s is that of the last byte."""
        got = bytearray()
        start_s = now_s()
        end = None
        while len(got) < size and end is None:
            left_s = start_s + within_s - now_s()
            if left_s <= 0:
                end = SILENT
                break
            seen = self.read(left_s)
            got += seen.data
            end = seen.end
        return Seen(data=bytes(got), end=end, after_s=now_s() - start_s)

    def read_end(self, within_s: float = PATIENCE_S) -> Seen:
        """All bytes until the end of the connection, and how it ended."""
        return self.read_exactly(1 << 40, within_s)

    def half_close(self) -> None:
        """Send a FIN, and go on reading."""
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Send an RST at once."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self) -> None:
        """Send a FIN; nothing if it is already closed."""
        self.sock.close()


class Pair:
    """A client's end and the upstream's end of one connection through the proxy."""

    def __init__(self, client: End, upstream: End) -> None:
        self.client = client
        self.upstream = upstream

    def toward(self, stream: str) -> tuple[End, End]:
        """(sender, receiver) of a stream: `upstream` is from the client to the upstream."""
        ends = (self.client, self.upstream)
        return ends if stream == "upstream" else (ends[1], ends[0])

    def close(self) -> None:
        """Close both ends."""
        self.client.close()
        self.upstream.close()


class Service:
    """An upstream that accepts on request; on exit it closes all its connections."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._listener.settimeout(PATIENCE_S)
        self._pairs: list[Pair] = []

    @property
    def address(self) -> str:
        """host:port to name as a proxy's upstream."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def pair(self, listen: str) -> Pair:
        """Connect through `listen` and accept the connection the proxy makes."""
        client = connect(listen)
        accepted, _ = self._listener.accept()
        pair = Pair(client, End(accepted))
        self._pairs.append(pair)
        return pair

    def __enter__(self) -> Service:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for pair in self._pairs:
            pair.close()
        self._listener.close()


def connect(listen: str, within_s: float = PATIENCE_S) -> End:
    """A client's connection to `host:port`. Raises OSError as connect() does."""
    host, _, port = listen.rpartition(":")
    return End(socket.create_connection((host, int(port)), within_s))
