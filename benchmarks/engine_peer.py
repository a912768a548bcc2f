"""The two ends of a throughput run, each a process of its own that ends with its standard input.

sink:   prints its port, then for every connection one line: bytes and seconds.
sender: reads lines "HOST PORT SECONDS", sends for that long, then closes.
"""

from __future__ import annotations

import select
import socket
import sys

from chaoslab.clock import now_s

BUFFER = 1 << 20


def sink() -> None:
    """Read every connection to its end and say how much came in which time."""
    buffer = bytearray(BUFFER)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
            with listener.accept()[0] as taken:
                size = taken.recv_into(buffer)
                start_s, total = now_s(), 0
                while size:
                    size = taken.recv_into(buffer)
                    total += size
                print(total, now_s() - start_s, flush=True)


def sender() -> None:
    """Send as told until standard input ends."""
    block = memoryview(bytes(BUFFER))
    for line in sys.stdin:
        host, port, seconds = line.split()
        with socket.create_connection((host, int(port))) as line_out:
            end_s = now_s() + float(seconds)
            while now_s() < end_s:
                line_out.sendall(block)


if __name__ == "__main__":
    {"sink": sink, "sender": sender}[sys.argv[1]]()
