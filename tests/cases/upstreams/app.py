"""Looks at its payment service, its queue and its ledger all the time, and names what is lost."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LOOK_EVERY_S = 0.1
WITHIN_S = 0.5
state: dict[str, bool] = {}


def pays() -> bool:
    """A charge is accepted."""
    request = urllib.request.Request(os.environ["PAYMENT"], data=b"{}", method="POST")
    with urllib.request.urlopen(request, timeout=WITHIN_S) as answer:
        return answer.status == 201


def queues(variable: str) -> bool:
    """A PING is answered."""
    host, _, port = os.environ[variable].rpartition(":")
    with socket.create_connection((host, int(port)), WITHIN_S) as queue:
        queue.sendall(b"PING\n")
        return queue.recv(5) == b"PONG\n"


LOOKS = {"payment": pays, "queue": lambda: queues("QUEUE"), "ledger": lambda: queues("LEDGER")}


def watch(name: str) -> None:
    """Look again and again."""
    while True:
        try:
            state[name] = LOOKS[name]()
        except (OSError, urllib.error.URLError):
            state[name] = False
        time.sleep(LOOK_EVERY_S)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        up = {name: state.get(name, False) for name in LOOKS}
        words = {name: "up" if each else "down" for name, each in up.items()}
        said = {"status": "healthy" if all(up.values()) else "degraded", "dependencies": words}
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


for each in LOOKS:
    threading.Thread(target=watch, args=(each,), daemon=True).start()
ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
