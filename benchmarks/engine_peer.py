"""Sender or sink of a throughput measurement; a process that ends when its standard input ends.

`engine_vs_toxiproxy.py` starts one of each.
sink:   prints its port, then one line for every connection: bytes and seconds.
sender: reads lines "HOST PORT SECONDS"; for each it connects, sends for that time, and closes.
"""

from __future__ import annotations

import argparse
import select
import socket
import sys

from chaoslab.clock import now_s

BUFFER = 1 << 20


def sink() -> None:
    """Read every connection to its end; print the bytes and the seconds."""
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
    """Send for each line of standard input, until it ends."""
    block = memoryview(bytes(BUFFER))
    for line in sys.stdin:
        host, port, seconds = line.split()
        with socket.create_connection((host, int(port))) as connection:
            end_s = now_s() + float(seconds)
            while now_s() < end_s:
                connection.sendall(block)


ROLES = {"sink": sink, "sender": sender}


def main() -> None:
    """Be the sender or the sink."""
    # Without `_measure`, which imports numpy: this process only needs sockets.
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("role", choices=ROLES)
    ROLES[parser.parse_args().role]()


if __name__ == "__main__":
    main()
