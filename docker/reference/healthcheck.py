"""Exit 0 if the backend of this container answers PATH with 200, else 1 and what it answered.

Nothing but sockets: this runs beside a process whose start-up is measured, and an HTTP client's
imports would cost more than the check.
"""

import os
import socket
import sys

TIMEOUT_S = 2.0


def main(path: str) -> int:
    """Ask once."""
    address = ("127.0.0.1", int(os.environ["PORT"]))  # noqa: TID251 - a program of its own
    try:
        with socket.create_connection(address, timeout=TIMEOUT_S) as connection:
            connection.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
            with connection.makefile("rb") as answer:
                status = answer.readline().decode("latin-1").strip()
                body = answer.read().partition(b"\r\n\r\n")[2].decode(errors="replace")
    except OSError as error:
        print(f"port {address[1]}: {error}")
        return 1
    print(status, body)
    return 0 if status.split(" ")[1:2] == ["200"] else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
