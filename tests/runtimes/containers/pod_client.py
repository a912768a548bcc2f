"""A client of a Redis in the app's place: `pod_client.py HOST PORT`; its own code is what boots.

Says `old …` for a connection that stands since the start and `new …` for one that comes only now,
each whenever that changes.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time

PATIENCE_S = 0.25
told: dict[str, str] = {}


def tell(who: str, what: str) -> None:
    if told.get(who) != what:
        told[who] = what
        os.write(1, f"{who} {what}\n".encode())  # at once: two threads speak, and print in pieces


def heard(sock: socket.socket) -> str:
    """One answer, or what came in its place; half an answer is none."""
    got = b""
    try:
        while not got.endswith(b"\n"):
            if not (more := sock.recv(64)):
                return "closed"
            got += more
    except TimeoutError:
        return "silent"
    except OSError:
        return "reset"
    return got.decode().strip()


def old(sock: socket.socket) -> None:
    """Asks again only when it was answered: what was held is delivered at the heal."""
    met = "+PONG"
    while met not in ("closed", "reset"):
        try:
            if met != "silent":
                sock.sendall(b"PING\r\n")
            met = heard(sock)
        except OSError:
            met = "reset"
        tell("old", met)
        time.sleep(0.02)


def new(address: tuple[str, int]) -> str:
    try:
        sock = socket.create_connection(address, PATIENCE_S)
    except TimeoutError:
        return "dropped"
    except ConnectionRefusedError:
        return "refused"
    except OSError:
        return "reset"
    with sock:
        sock.sendall(b"PING\r\n")
        met = heard(sock)
        time.sleep(0.1)  # long enough for whoever looks at sockets
        return met


if __name__ == "__main__":
    where = (sys.argv[1], int(sys.argv[2]))
    standing = socket.create_connection(where, 5.0)
    standing.settimeout(PATIENCE_S)
    threading.Thread(target=old, args=(standing,), daemon=True).start()
    while True:
        tell("new", new(where))
        time.sleep(0.02)
